-- Batches with their grade class: the ticket's; where the ticket is not there, the mix's.
select
    batches.plant_id,
    batches.batch_id,
    batches.mixed_on,
    batches.batch_m3,
    coalesce(tickets.grade_class, grades.grade_class, 'unknown') as grade_class
from {{ ref('fct_batches') }} as batches
left join {{ ref('fct_deliveries') }} as tickets on batches.ticket_id = tickets.ticket_id
left join {{ ref('int_grades_classified') }} as grades on batches.grade = grades.grade
