-- Type 2 from the versions: one row per plant and stretch of days in which its record stayed the same. The first
-- stretch reaches back to the opening, since a plant existed before its record arrived. A day's capacity is the lesser
-- of what the lines mix and the trucks carry in a shift, for candidate sites too.
with

-- The last version of each day.
daily as (
    select
        versions.* replace (
            {{ resolved('enterprise', 'versions.enterprise_id') }} as enterprise_id,
            {{ resolved('lab', 'versions.lab_id') }} as lab_id
        )
    from {{ ref('stg_plants_versions') }} as versions
    {{ join_codes('enterprise', 'versions.enterprise_id', 'versions.version_on') }}
    {{ join_codes('lab', 'versions.lab_id', 'versions.version_on') }}
    qualify
        row_number() over (
            partition by versions.plant_id, versions.version_on
            order by versions.version_at desc, versions.content_hash desc
        ) = 1
),

attributed as (
    select
        *,
        row(
            plant_name, enterprise_id, enterprise_name, district_code, lon, lat, lines, rated_m3_per_h, effectiveness,
            shift_h, trucks, qualification, lab_id, max_grade, recycled_capable, opened_on, closed_on, status,
            rent_and_fixed_cny_per_year
        ) as attributes
    from daily
),

changed as (
    select *
    from attributed
    qualify coalesce(attributes <> lag(attributes) over (partition by plant_id order by version_on), true)
),

ranged as (
    select
        *,
        row_number() over (partition by plant_id order by version_on) as version_rank,
        lead(version_on) over (partition by plant_id order by version_on) as valid_to
    from changed
),

red_lines as (
    select distinct
        lon,
        lat
    from {{ ref('int_plants_zoned') }}
    where kind = 'ecological_redline'
)

select
    plants.plant_id,
    plants.plant_name,
    plants.enterprise_id,
    plants.enterprise_name,
    coalesce(districts.district_code, 'unknown') as district_code,
    plants.lon,
    plants.lat,
    plants.lines,
    plants.rated_m3_per_h,
    plants.effectiveness,
    plants.shift_h,
    plants.trucks,
    plants.qualification,
    plants.lab_id,
    plants.max_grade,
    plants.recycled_capable,
    plants.opened_on,
    plants.closed_on,
    coalesce(plants.status, 'operating') as status,
    plants.rent_and_fixed_cny_per_year,
    coalesce(
        least(
            plants.lines * plants.rated_m3_per_h
            * coalesce(plants.effectiveness, {{ assumption('default_effectiveness') }})
            * coalesce(plants.shift_h, {{ assumption('default_shift_h') }}),
            plants.trucks
            * {{ plant_assumption('mean_load_m3', 'plants.plant_id') }}
            * {{ plant_assumption('trips_per_shift', 'plants.plant_id') }}
        ),
        0
    ) as capacity_m3_per_day,
    {{ plant_assumption('working_days_per_week', 'plants.plant_id') }} as working_days_per_week,
    coalesce(plants.status = 'planned', false) as is_candidate,
    red_lines.lon is not null as is_on_red_line,
    case
        when plants.version_rank > 1 then plants.version_on
        else least(coalesce(plants.opened_on, date '1900-01-01'), plants.version_on)
    end as valid_from,
    plants.valid_to,
    plants.valid_to is null as is_current,
    plants._source_file,
    plants._source_row
from ranged as plants
left join red_lines on plants.lon = red_lines.lon and plants.lat = red_lines.lat
left join {{ ref('districts') }} as districts on plants.district_code = districts.district_code
order by plants.plant_id, valid_from
