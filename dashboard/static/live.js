// Keeps the live panel fresh and says when a new version was published.
import { element } from "./tip.js";

const EVERY_MS = 10_000;

export function watchLive(boot) {
  const refresh = async () => {
    if (document.hidden) return;
    const answer = await fetch(`/api/live?lang=${boot.lang}`).catch(() => null); // the server may be restarting
    if (answer?.ok) show(await answer.json());
  };
  function show({ version, live }) {
    document.querySelector(".renewed").hidden = version === boot.version;
    document.getElementById("live-none").hidden = Boolean(live);
    document.getElementById("live-some").hidden = !live;
    if (!live) return;
    document.getElementById("live-refreshed").textContent = live.refreshed_at;
    document.querySelector("#live-table tbody").replaceChildren(...live.windows.map((window) => {
      const row = document.createElement("tr");
      const head = element("th", window.from);
      head.scope = "row";
      const cells = [window.ordered_m3, window.delivered_m3, window.tickets]
        .map((text) => Object.assign(element("td", text), { className: "number" }));
      row.append(head, ...cells, element("td", window.state));
      return row;
    }));
  }
  setInterval(refresh, EVERY_MS);
  document.addEventListener("visibilitychange", refresh);
}
