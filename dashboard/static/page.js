// Puts the page's parts together: choosing a district draws its curve, everywhere on the page at once.
import { drawFan } from "./fan.js";
import { drawMap } from "./map.js";
import { watchLive } from "./live.js";

const boot = JSON.parse(document.getElementById("boot").textContent);

function filterDecisions() {
  const chips = document.getElementById("chips");
  if (!chips) return;
  const show = (wanted) => {
    for (const chip of chips.children) chip.setAttribute("aria-pressed", String(chip.dataset.show === wanted));
    for (const row of document.querySelectorAll("#decisions tbody tr")) {
      const isShown = wanted === "all" || row.dataset.decision === wanted || (wanted === "changes" && "change" in row.dataset);
      row.hidden = !isShown;
    }
  };
  chips.hidden = false;
  chips.addEventListener("click", (event) => {
    const chip = event.target.closest("button");
    if (chip) show(chip.dataset.show);
  });
  show("changes");
}

async function connectCharts() {
  const choices = document.getElementById("choices");
  if (!choices) return;
  const fan = drawFan(boot);
  const map = await drawMap(boot, (code) => choose(code));
  const { district_code: district, grade_class: grade } = choices.elements;

  function show() {
    map.select(district.value);
    for (const row of document.querySelectorAll("#balance tbody tr")) {
      row.classList.toggle("chosen", row.dataset.district === district.value && district.value !== "all");
    }
    const chosen = (select) => select.options[select.selectedIndex].text;
    return fan.show(district.value, grade.value, `${chosen(district)} · ${chosen(grade)}`);
  }
  function choose(code) {
    district.value = district.value === code ? "all" : code;
    return show();
  }
  choices.addEventListener("change", show);
  choices.addEventListener("reset", () => setTimeout(show)); // after the form has its first values back
  document.querySelector("#balance tbody").addEventListener("click", (event) => {
    const code = event.target.closest("tr").dataset.district;
    if (code !== "all") choose(code);
  });
  await show();
}

filterDecisions();
watchLive(boot);
await connectCharts();
document.documentElement.dataset.ready = "yes";
