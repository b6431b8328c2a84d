"""What the bureaus hand over: permits per quarter, the plant register per year, the spatial plan.

Belongs here: their rows and layouts. Does not belong here: plants' own feeds (records.py, layouts.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.feeds import FEEDS
from simulation.geography import Districts
from simulation.layouts import Layout
from simulation.permits import STATUSES, STRUCTURES, USES, PermitVersions, Projects
from simulation.plants import FAR_FUTURE, Plants
from simulation.records import district_entries, entries, instants
from simulation.streams import DAY_S, Ints

REGISTER_STATUSES = ("operating", "suspended", "closed", "planned")

_PERMIT_HEADERS = {
    "permit_no": "施工许可证编号", "project_id": "项目代码", "project_name": "工程名称", "builder": "建设单位",
    "contractor": "施工单位", "district_code": "所在区县", "floor_area_m2": "建设规模(㎡)",
    "contract_value": "合同造价(万元)", "use": "工程用途", "structure": "结构类型", "issued_on": "发证日期",
    "planned_start_on": "合同开工日期", "planned_end_on": "合同竣工日期", "status": "证书状态",
    "site_lon": "经度", "site_lat": "纬度", "known_at": "获知时间",
}  # fmt: skip
_PLANT_HEADERS = {
    "plant_id": "站点编号", "plant_name": "搅拌站名称", "enterprise_id": "企业编号", "enterprise_name": "所属企业",
    "district_code": "所在区县", "lon": "经度", "lat": "纬度", "lines": "机组数",
    "rated_m3_per_h": "单线额定产能(m³/h)", "effectiveness": "有效系数", "shift_h": "日工作时长(h)",
    "trucks": "自有车辆", "qualification": "资质",
    "lab_id": "试验室编号", "max_grade": "最高强度等级", "recycled_capable": "再生骨料能力", "opened_on": "投产日期",
    "closed_on": "关停日期", "status": "站点状态", "rent_and_fixed_cny_per_year": "年租金与固定费用(元)",
    "updated_at": "更新时间",
}  # fmt: skip


def _first_texts(feed: str) -> dict[str, dict[str, str]]:
    """The usual text of every code of a feed."""
    return {
        field.name: {
            code: next(text for text in (code, *texts) if not text.isascii()) for code, texts in field.codes.items()
        }
        for field in FEEDS[feed].fields
        if field.codes
    }


def permit_layout(quarter: int) -> Layout:
    """The permit office changed its export: Chinese dates and 万元 in even quarters, plain dates and 元 in odd ones."""
    is_even = quarter % 2 == 0
    headers = _PERMIT_HEADERS if is_even else _PERMIT_HEADERS | {
        "contract_value": "合同价格(元)", "floor_area_m2": "建筑面积", "district_code": "行政区划代码",
    }  # fmt: skip
    return Layout(
        feed="permits",
        format="csv",
        encoding="utf-8-sig",
        delimiter=",",
        is_gzipped=False,
        headers=headers,
        codes=_first_texts("permits"),
        time_style="chinese" if is_even else "iso",
        writes_district_names=is_even,
        scales={"contract_value": 1e-4} if is_even else None,
    )


def permit_records(projects: Projects, versions: PermitVersions, area: Districts) -> pa.Table:
    """One row per permit version, in the order they became known; bookkeeping columns as in records.py."""
    rows = versions.project
    newest = np.zeros(len(projects), dtype=np.int64)
    np.maximum.at(newest, rows, versions.status)
    count = np.bincount(rows, minlength=len(projects))
    return pa.table(
        {
            "permit_no": entries(rows, projects.permit_no),
            "project_id": entries(rows, projects.project_id),
            "project_name": entries(rows, projects.name),
            "builder": entries(rows, projects.builder),
            "contractor": entries(rows, projects.contractor),
            "district_code": entries(projects.district[rows], district_entries(area)),
            "floor_area_m2": versions.floor_area_m2,
            "contract_value": projects.contract_cny[rows],
            "use": entries(projects.use[rows], USES),
            "structure": entries(projects.structure[rows], STRUCTURES),
            "issued_on": _days(projects.issued[rows]),
            "planned_start_on": _days(projects.planned_start[rows]),
            "planned_end_on": _days(projects.planned_end[rows]),
            "status": entries(versions.status, STATUSES),
            "site_lon": projects.lon[rows],
            "site_lat": projects.lat[rows],
            "known_at": instants(versions.known_s),
            "_reported_s": versions.known_s,
            "_is_single": count[rows] == 1,
            "_is_older": versions.status < newest[rows],
        }
    )


def _days(numbers: Ints) -> pa.Array:
    return pa.array(numbers.astype("datetime64[D]"), mask=numbers >= FAR_FUTURE)


def register_layout(year: int) -> Layout:
    """The plant register: a spreadsheet in even years, a CSV file in odd ones."""
    is_sheet = year % 2 == 0
    return Layout(
        feed="plants",
        format="xlsx" if is_sheet else "csv",
        encoding="gb18030",
        delimiter=",",
        is_gzipped=False,
        headers=_PLANT_HEADERS,
        codes=_first_texts("plants"),
        time_style="slash",
        writes_district_names=True,
        title=f"{year}年虚拟城市搅拌站名录（合成数据）" if is_sheet else None,
    )


def register_records(plants: Plants, area: Districts, day: int, first_day: int) -> pa.Table:
    """The register as it stands on a day: plants opened by then, and the candidate sites.

    `更新时间` is the day of a plant's last change, so an unchanged plant is an exact repeat of last year's row.
    """
    rows = np.flatnonzero(plants.is_candidate | (plants.opened <= day))
    changes = np.stack([plants.opened, plants.suspended_from, plants.suspended_to, plants.expanded, plants.closed])
    changes = np.where(plants.is_candidate, first_day - 30, changes)
    updated = np.where(changes <= day, changes, 0).max(axis=0)[rows]
    is_closed = plants.closed[rows] <= day
    is_paused = (plants.suspended_from[rows] <= day) & (day < plants.suspended_to[rows])
    status = np.where(plants.is_candidate[rows], 3, np.where(is_closed, 2, np.where(is_paused, 1, 0)))
    trucks = np.where(plants.expanded[rows] <= day, plants.trucks[rows], np.maximum(1, plants.trucks[rows] - 2))
    return pa.table(
        {
            "plant_id": entries(rows, plants.plant_id),
            "plant_name": entries(rows, plants.plant_name),
            "enterprise_id": entries(plants.enterprise[rows], plants.enterprise_ids),
            "enterprise_name": entries(plants.enterprise[rows], plants.enterprise_names),
            "district_code": entries(plants.district[rows], district_entries(area)),
            "lon": plants.lon[rows],
            "lat": plants.lat[rows],
            "lines": plants.lines[rows],
            "rated_m3_per_h": plants.rated_m3_per_h[rows],
            "effectiveness": plants.effectiveness[rows],
            "shift_h": plants.shift_h[rows],
            "trucks": trucks,
            "qualification": pa.array(["预拌混凝土专业承包"] * len(rows)),
            "lab_id": pc.binary_join_element_wise("L", pa.array(rows + 1).cast(pa.string()), ""),
            "max_grade": pc.binary_join_element_wise("C", pa.array(plants.max_grade_mpa[rows]).cast(pa.string()), ""),
            "recycled_capable": entries(plants.recycled_capable[rows].astype(np.int64), ("否", "是")),
            "opened_on": _days(plants.opened[rows]),
            "closed_on": _days(np.where(is_closed, plants.closed[rows], FAR_FUTURE)),
            "status": entries(status, REGISTER_STATUSES),
            "rent_and_fixed_cny_per_year": plants.rent_and_fixed_cny[rows],
            "updated_at": instants(updated * DAY_S + 9 * 3600),
            "_updated": updated,
        }
    )


def unchanged_rows(register: pa.Table, previous: pa.Table | None) -> Sequence[int]:
    """Rows of a register that repeat the previous one exactly."""
    if previous is None:
        return []
    before = dict(zip(previous["plant_id"].to_pylist(), previous["_updated"].to_pylist(), strict=True))
    now = zip(register["plant_id"].to_pylist(), register["_updated"].to_pylist(), strict=True)
    return [row for row, (plant_id, updated) in enumerate(now) if before.get(plant_id) == updated]
