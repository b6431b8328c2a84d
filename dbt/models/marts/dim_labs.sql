-- Laboratories that tests, plants or the crosswalk name. One that some plant calls its own is that plant's; the others
-- are independent as far as anyone has told.
with

tested as (
    select
        lab_id,
        count(*) as specimens,
        count(distinct plant_id) as plants_tested,
        min(tested_on) as first_tested_on,
        max(tested_on) as last_tested_on
    from {{ ref('fct_strength_tests') }}
    group by lab_id
),

owned as (
    select
        lab_id,
        count(*) as plants_owning,
        case when count(*) = 1 then min(plant_id) end as plant_id
    from {{ ref('dim_plants') }}
    where is_current and lab_id is not null
    group by lab_id
),

known as (
    select canonical_id as lab_id
    from {{ ref('int_codes_known') }}
    where kind = 'lab'
)

select
    lab_id,
    known.lab_id is not null as is_known,
    owned.lab_id is not null as is_plant_lab,
    owned.plant_id,
    coalesce(owned.plants_owning, 0) as plants_owning,
    coalesce(tested.plants_tested, 0) as plants_tested,
    coalesce(tested.specimens, 0) as specimens,
    tested.first_tested_on,
    tested.last_tested_on
from tested
full outer join owned using (lab_id)
full outer join known using (lab_id)
order by lab_id
