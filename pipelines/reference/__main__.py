"""`python -m pipelines.reference`: write docs/feeds.md and docs/contracts/.

Belongs here: writing. Does not belong here: what is written.
"""

from __future__ import annotations

from pipelines.reference import FOLDER, documents
from store.messages import progress

if __name__ == "__main__":
    written = documents()
    for stale in {*(FOLDER / "contracts").glob("*")} - set(written):
        stale.unlink()
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    progress("docs", f"写好 {len(written)} 个文件", f"{len(written)} files written")
