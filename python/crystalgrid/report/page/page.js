"use strict";
// The page: reads its data, and lets the filter, the table, the picture and the figures follow each other.

const data = JSON.parse(document.getElementById("data").textContent);
const get = (id) => document.getElementById(id);
const NARROW = window.matchMedia("(max-width: 900px)");

const view = new CrystalView(get("picture"), data.elements);
const table = new CrystalTable(get("crystals"), data, data.table, chosen);
const systems = Object.keys(data.phases);

function filter() {
  const nothing = { formula: "", elements: "", having: "", group: "", above: "", valid: "", fresh: "", sure: "" };
  return { ...nothing, ...Object.fromEntries(new FormData(get("filter"))) };
}

function filtered() {
  const asked = filter(), all = data.columns.id.values.map((_, i) => i);
  const shown = all.filter((i) => passes(data, i, asked));
  table.show(shown);
  get("count").textContent = shown.length === all.length
    ? `All ${all.length.toLocaleString("en")} crystals` : `${shown.length.toLocaleString("en")} of ${all.length.toLocaleString("en")} crystals`;
  get("nothing").hidden = shown.length > 0;
  figures();
}

function figures() {
  get("figures").replaceChildren(...distributionFigures(data, table.shown, table.selected));
}

function chosen(i) {
  const value = (name) => data.columns[name] && data.columns[name].values[i];
  const drawing = data.drawings[i], [a, b, c, alpha, beta, gamma] = drawing.cell;
  view.show(drawing);
  get("name").replaceChildren(typesetFormula(value("formula")), " ", made("span", { class: "group" }, cell(data, "space_group", i)));
  get("cell").textContent = `a ${a.toFixed(2)}, b ${b.toFixed(2)}, c ${c.toFixed(2)} Å; α ${alpha.toFixed(1)}°, β ${beta.toFixed(1)}°, γ ${gamma.toFixed(1)}°`;
  get("picture").setAttribute("aria-label", `${value("formula")} in space group ${value("space_group")}, balls and sticks in the conventional cell. ` +
    "Arrow keys turn it, plus and minus change its size, 0 puts it back.");
  const present = [...new Set(drawing.numbers)];
  get("legend").replaceChildren(...present.map((z) => {
    const swatch = made("span", { class: "swatch" });
    swatch.style.background = data.elements[z].colour; // an attribute would be one that a strict page forbids
    return made("li", {}, swatch, data.elements[z].symbol);
  }));
  const details = [];
  for (const [name, column] of Object.entries(data.columns)) {
    if (["formula", "space_group", "space_group_number"].includes(name)) continue;
    details.push(made("dt", { title: column.meaning }, column.label + (column.unit ? ` (${column.unit})` : "")), made("dd", {}, cell(data, name, i)));
  }
  get("details").replaceChildren(...details);
  if (table.shown) figures();
  diagrams(system(data, i));
}

function diagrams(name) {
  if (!systems.length) return;
  const select = get("system");
  if (name) select.value = name;
  get("diagram").replaceChildren(phaseDiagram(data, select.value, table.selected, (i) => table.select(i, false)));
  const counts = data.phases[select.value].phases.length;
  get("known-phases").textContent = counts ? `${counts} known phases; lines join those that are stable together.`
    : "No energies of known phases are at hand for these elements: heights are energies above the hull.";
}

function save() {
  const i = table.selected, name = data.columns.id.values[i].replace(/[^\w.+-]/g, "_");
  const link = made("a", { href: URL.createObjectURL(new Blob([data.cifs[i]], { type: "chemical/x-cif" })), download: `${name}.cif` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function toggled(button, act) {
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", on);
    act(on);
  });
}

get("filter").addEventListener("input", filtered);
get("filter").addEventListener("submit", (event) => event.preventDefault());
get("filter").addEventListener("reset", () => setTimeout(filtered));
get("save").addEventListener("click", save);
get("back").addEventListener("click", () => view.reset());
toggled(get("spin"), (on) => view.spin(on));
toggled(get("symbols"), (on) => { view.symbols = on; view.ask(); });
get("crystals").tBodies[0].addEventListener("keydown", (event) => {
  if (event.key === "Enter") get("picture").focus();
});
get("crystals").tBodies[0].addEventListener("click", () => {
  if (NARROW.matches) get("crystal").scrollIntoView({ block: "start" });
});
get("picture").addEventListener("keydown", (event) => {
  if (event.key === "Escape") table.row(table.selected).focus();
});
if (systems.length) {
  get("system").append(...systems.map((name) => made("option", {}, name)));
  get("system").addEventListener("change", () => diagrams());
} else get("phases").hidden = true;
if (!data.known) for (const node of document.querySelectorAll(".of-known")) node.hidden = true;
filtered();
