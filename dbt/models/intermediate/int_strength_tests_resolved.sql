-- Newest specimen groups under the ids that are ours, by the day of casting.
select
    tests.* replace (
        {{ resolved('plant', 'tests.plant_id') }} as plant_id,
        {{ resolved('lab', 'tests.lab_id') }} as lab_id
    )
from {{ ref('stg_strength_tests') }} as tests
{{ join_codes('plant', 'tests.plant_id', 'tests.cast_on') }}
{{ join_codes('lab', 'tests.lab_id', 'tests.tested_on') }}
