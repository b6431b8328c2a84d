-- Every version of every permit with the concrete it stands for: floor area × m³ per m² of its use; where the area is
-- missing, contract value × m³ per 10 000 CNY. A revoked permit stands for nothing.
with

permits as (
    select
        versions.* replace ({{ resolved('project', 'versions.project_id') }} as project_id),
        coalesce(districts.district_code, 'unknown') as known_district_code,
        coalesce(intensities.use, 'other') as known_use,
        versions.contract_value * currencies.cny_per_unit as contract_value_cny,
        row_number() over (
            partition by versions.permit_no order by versions.version_at desc, versions.content_hash desc
        ) = 1 as is_current
    from {{ ref('stg_permits_versions') }} as versions
    left join {{ ref('districts') }} as districts on versions.district_code = districts.district_code
    left join {{ ref('permit_intensities') }} as intensities on versions.use = intensities.use
    left join {{ ref('currencies') }} as currencies on versions.currency = currencies.currency
    {{ join_codes('project', 'versions.project_id', 'versions.issued_on') }}
)

select
    permits.permit_no,
    permits.project_id,
    permits.project_name,
    permits.builder,
    permits.contractor,
    permits.known_district_code as district_code,
    permits.floor_area_m2,
    permits.contract_value,
    permits.currency,
    permits.contract_value_cny,
    permits.known_use as use,
    permits.structure,
    permits.issued_on,
    {{ week_start('permits.issued_on') }} as week_start,
    permits.planned_start_on,
    permits.planned_end_on,
    permits.status,
    coalesce(permits.status = 'revoked', false) as is_revoked,
    permits.site_lon,
    permits.site_lat,
    case
        when permits.floor_area_m2 > 0 then 'floor_area'
        when permits.contract_value_cny > 0 then 'contract_value'
        else 'none'
    end as estimated_from,
    cast(case when is_revoked then 0 else coalesce(permits.floor_area_m2, 0) end as decimal(18, 3))
        as granted_floor_area_m2,
    cast(
        case
            when is_revoked then 0
            when permits.floor_area_m2 > 0 then permits.floor_area_m2 * intensities.m3_per_m2
            else coalesce(permits.contract_value_cny / 10000 * intensities.m3_per_10k_cny, 0)
        end as decimal(18, 3)
    ) as granted_concrete_m3,
    permits.is_current,
    permits.known_at,
    permits.known_date,
    permits.version_at,
    permits.content_hash,
    permits.flags,
    permits._source_file,
    permits._source_row
from permits
inner join {{ ref('permit_intensities') }} as intensities on permits.known_use = intensities.use
