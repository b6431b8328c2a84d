"""A trace as a person reads it in a terminal.

Belongs here: layout and wording. Does not belong here: what is found (`orchestration.trace`). What was not sampled, not
recorded or not tested is called that, never passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from orchestration.trace import Found
from store.messages import Text

NOT_SAMPLED = Text("未抽样", "not sampled")
NO_BATCH = Text("没有生产记录（盘）", "no batch on record")
LOT_STATES = {
    "lot_not_recorded": Text("未记录批号", "lot not recorded"),
    "no_receipt": Text("无进场记录", "no receipt on record"),
    "test_failed": Text("有检验不合格", "a test failed"),
    "not_tested": Text("未全部检验", "not all tested"),
    "tested": Text("有检验报告", "tested"),
}
GROUP_RULES = {
    "mean": Text("平均值", "mean"),
    "middle": Text("中间值", "middle cube"),
    "invalid": Text("该组无效", "group invalid"),
}
_SHOWN = 30  # rows of a long list; --json has them all


def print_trace(console: Console, trace: Found) -> None:
    """Everything found under the id, one after the other."""
    printers: dict[str, Callable[[Console, Found], None]] = {
        "ticket": _print_ticket,
        "lot": _print_lot,
        "project": _print_project,
    }
    for found in trace["found"]:
        printers[found["kind"]](console, found)
        console.print()


def _print_ticket(console: Console, ticket: Found) -> None:
    _title(console, Text(f"运单 {ticket['ticket_id']}", f"Ticket {ticket['ticket_id']}"))
    if ticket["is_on_record"]:
        _say(
            console, _parts(ticket["plant_name"] or ticket["plant_id"], ticket["grade"], _m3(ticket), ticket["status"])
        )
        _print_site(console, ticket)
    else:
        _say(console, Text("运单本身未到，只有生产记录。", "The ticket itself has not come; only its batches have."))
    if not ticket["batches"]:
        _say(console, NO_BATCH)
    for batch in ticket["batches"]:
        filed = Text("", "") if batch["has_filed_mix"] else Text("（当日无备案）", " (not on file that day)")
        mix = batch["mix_id"] or Text("未填", "not stated")
        name = f"{batch['batch_id']}  {_instant(batch['mixed_at'])}  {batch['batch_m3']:g} m³"
        _say(console, Text(f"盘 {name}  配合比 {mix}{filed.zh}", f"Batch {name}  mix {mix}{filed.en}"))
        _table(
            console,
            Text(
                "材料 批号 设定kg 实际kg 偏差% 对备案% 凭证", "material lot set_kg actual_kg dev% filed_dev% evidence"
            ),
            (
                (
                    _material(weighing),
                    weighing["lot_no"],
                    weighing["target_kg"],
                    weighing["actual_kg"],
                    weighing["deviation_from_target_pct"],
                    weighing["deviation_from_filed_pct"],
                    LOT_STATES[weighing["lot_state"]],
                )
                for weighing in batch["weighings"]
            ),
        )
    if ticket["receipts"]:
        _say(console, Text("进场与检验报告", "Receipts and test reports"))
        _print_receipts(console, ticket["receipts"])
    _print_specimens(console, ticket["specimens"])


def _print_specimens(console: Console, specimens: Sequence[Found]) -> None:
    if not specimens:
        _say(console, Text(f"试块：{NOT_SAMPLED.zh}", f"Specimens: {NOT_SAMPLED.en}"))
        return
    _say(console, Text("试块", "Specimens"))
    _table(
        console,
        Text(
            "试件 试验室 龄期 试压日期 组值MPa 取法 报告结论", "specimen lab age_d tested group_mpa rule stated_result"
        ),
        (
            (
                specimen["specimen_id"],
                specimen["lab_id"],
                specimen["age_d"],
                specimen["tested_on"],
                specimen["group_mpa"],
                GROUP_RULES[specimen["group_rule"]],
                specimen["result"],
            )
            for specimen in specimens
        ),
    )


def _print_receipts(console: Console, receipts: Sequence[Found]) -> None:
    _table(
        console,
        Text(
            "材料 批号 进场单 供应商 进场时间 净重t 报告 结论",
            "material lot receipt supplier received net_t report result",
        ),
        (
            (
                _material(receipt),
                receipt["lot_no"],
                receipt["receipt_id"],
                receipt["supplier_id"],
                _instant(receipt["received_at"]),
                receipt["net_t"],
                receipt["test_report_no"],
                receipt["test_result"],
            )
            for receipt in receipts
        ),
    )


def _print_lot(console: Console, lot: Found) -> None:
    place = f"{lot['plant_name'] or lot['plant_id']}  {_material(lot)}"
    _title(console, Text(f"批号 {lot['lot_no']}  {place}", f"Lot {lot['lot_no']}  {place}"))
    state = LOT_STATES[lot["lot_state"]]
    _say(
        console,
        Text(
            f"进场 {lot['received_t']:g} t，已用 {lot['used_kg'] / 1000:g} t；{state.zh}",
            f"received {lot['received_t']:g} t, used {lot['used_kg'] / 1000:g} t; {state.en}",
        ),
    )
    if lot["receipt_rows"]:
        _print_receipts(console, lot["receipt_rows"])
    tickets = lot["tickets"]
    _say(
        console,
        Text(
            f"到达 {len(tickets)} 张运单、{len(lot['projects'])} 个工程",
            f"reached {len(tickets)} tickets of {len(lot['projects'])} projects",
        ),
    )
    _print_tickets(console, tickets)


def _print_project(console: Console, project: Found) -> None:
    name = project["project_name"] or ""
    _title(console, Text(f"工程 {project['project_id']}  {name}", f"Project {project['project_id']}  {name}"))
    permits = ", ".join(permit["permit_no"] for permit in project["permit_rows"]) or str(Text("无", "none"))
    _say(console, Text(f"施工许可证：{permits}", f"Permits: {permits}"))
    tickets, lots = project["tickets"], project["lots"]
    sampled = sum(ticket["specimens"] > 0 for ticket in tickets)
    _say(
        console,
        Text(
            f"{len(tickets)} 张运单，其中 {sampled} 张取样，{len(tickets) - sampled} 张{NOT_SAMPLED.zh}",
            f"{len(tickets)} tickets; {sampled} sampled, {len(tickets) - sampled} {NOT_SAMPLED.en}",
        ),
    )
    _print_tickets(console, tickets)
    _say(console, Text(f"所用批号 {len(lots)} 个", f"{len(lots)} lots used"))
    _table(
        console,
        Text("站 材料 批号 用量kg 运单 凭证", "plant material lot kg tickets evidence"),
        (
            (
                lot["plant_id"],
                _material(lot),
                lot["lot_no"],
                lot["actual_kg"],
                lot["tickets"],
                LOT_STATES[lot["lot_state"]],
            )
            for lot in lots
        ),
    )


def _print_tickets(console: Console, tickets: Sequence[Found]) -> None:
    _table(
        console,
        Text("运单 日期 m³ 等级 工程 部位 许可证 试块", "ticket day m3 grade project part permit specimens"),
        (
            (
                ticket["ticket_id"],
                ticket["delivered_on"],
                ticket["delivered_m3"],
                ticket["grade"],
                ticket.get("project_name") or ticket.get("project_id"),
                ticket["structure_part"],
                ticket["permit_no"],
                ticket["specimens"] or NOT_SAMPLED,
            )
            for ticket in tickets
        ),
    )


def _print_site(console: Console, ticket: Found) -> None:
    unknown = str(Text("未填", "not stated"))
    told = [ticket["project_name"] or ticket["project_id"], ticket["structure_part"], ticket["permit_no"]]
    project, part, permit = (cell or unknown for cell in told)
    order = ticket["order_id"]
    _say(
        console,
        Text(
            f"委托单 {order}  工程 {project}  部位 {part}  许可证 {permit}",
            f"Order {order}  project {project}  part {part}  permit {permit}",
        ),
    )


def _title(console: Console, text: Text) -> None:
    console.print(str(text), style="bold", highlight=False, markup=False, soft_wrap=True)


def _say(console: Console, text: Text | str) -> None:
    console.print(str(text), highlight=False, markup=False, soft_wrap=True)


def _table(console: Console, titles: Text, lines: Iterable[Sequence[Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in str(titles).split():
        table.add_column(title, overflow="fold")
    listed = list(lines)
    for line in listed[:_SHOWN]:
        table.add_row(*("" if cell is None else f"{cell:g}" if isinstance(cell, float) else str(cell) for cell in line))
    console.print(table)
    if len(listed) > _SHOWN:
        more = len(listed) - _SHOWN
        _say(console, Text(f"……还有 {more} 行（--json 给出全部）", f"… {more} more (--json has them all)"))


def _parts(*parts: object) -> str:
    return "  ".join(str(part) for part in parts if part is not None)


def _material(row: Found) -> Text | str:
    return Text(row["material_zh"], row["material_en"]) if row["material_zh"] else row["material"]


def _m3(ticket: Found) -> str | None:
    return None if ticket["delivered_m3"] is None else f"{ticket['delivered_m3']:g} m³"


def _instant(instant: datetime | None) -> str:
    return "" if instant is None else f"{instant:%Y-%m-%d %H:%M}"
