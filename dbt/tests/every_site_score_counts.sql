-- A warning that counts the on-site scores of a laboratory, or of a quarter, of which no test has come: they are in no
-- grade. A slip in the laboratory's id is one of them.
{{ config(severity='warn') }}

select visits.*
from {{ ref('lab_site_scores') }} as visits
left join {{ ref('lab_grading_quarterly') }} as graded
    on visits.lab_id = graded.lab_id and visits.quarter_start = graded.quarter_start
where graded.lab_id is null
