"use strict";
// The table of crystals: what is in a row, which rows a filter keeps, and in which order they stand.

const ROWS = 100; // that are put into the page at a time
const STABLE = 1e-5, METASTABLE = 0.1; // eV/atom above the hull

// Returns how likely a crystal lasts, as a class with a mark that needs no colour.
function stability(energy, doubtful) {
  if (energy === null || energy === undefined) return null;
  if (doubtful) return { name: "doubtful", mark: "○", words: "doubtful energy" };
  if (energy <= STABLE) return { name: "stable", mark: "●", words: "on or below the hull" };
  if (energy <= METASTABLE) return { name: "metastable", mark: "▲", words: "within 0.1 eV/atom of the hull" };
  return { name: "unstable", mark: "■", words: "more than 0.1 eV/atom above the hull" };
}

const elementsOf = (formula) => new Set(formula.match(/[A-Z][a-z]?/g) || []);

// Returns a node with formulas' numbers below the line, but not amounts before a formula, as in "Li2O + 2 MnO2".
function typesetFormula(formula) {
  const node = document.createElement("span");
  for (const part of formula.split(/(?<=[A-Za-z)])(\d+)/)) node.append(/^\d+$/.test(part) ? made("sub", {}, part) : part);
  return node;
}

// Returns a node with a Hermann-Mauguin symbol in italics, bars over numbers and screw axes below the line.
function typesetSymbol(symbol) {
  const node = made("i", { class: "symbol" });
  for (const part of symbol.split(/(-\d|_\d)/)) {
    if (part.startsWith("-") && part.length > 1) node.append(made("span", { class: "bar" }, part[1]));
    else if (part.startsWith("_") && part.length > 1) node.append(made("sub", {}, part[1]));
    else node.append(part);
  }
  return node;
}

const plainFormula = (formula) => formula.replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]);

// Returns a Hermann-Mauguin symbol as plain text, with a bar over numbers and screw axes below the line.
const plainSymbol = (symbol) => symbol.replace(/-(\d)/g, "$1\u0305").replace(/_(\d)/g, (_, digit) => "₀₁₂₃₄₅₆"[digit]);

function made(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const written = (value, digits) => (Number.isInteger(value) && !digits ? String(value) : value.toFixed(digits)).replace("-", "−");

// Returns the node that shows the value of a column for one crystal.
function cell(data, name, i) {
  const column = data.columns[name], value = column.values[i];
  if (name === "new" && value !== "new") {
    const names = ["known_as", "same_as"].map((twin) => data.columns[twin] && data.columns[twin].values[i]);
    return made("span", {}, `as ${names.find(Boolean)}`);
  }
  if (value === null || value === undefined || value === "") return made("span", { class: "none" }, "–");
  if (name === "formula" || name === "decomposition") return typesetFormula(value);
  if (name === "space_group") {
    const numbers = data.columns.space_group_number;
    return made("span", {}, typesetSymbol(value), numbers ? ` ${numbers.values[i]}` : "");
  }
  if (name === "space_group_before") return typesetSymbol(value);
  if (name === "energy_above_hull") {
    const { name: kind, mark, words } = stability(worse(data, i), doubt(data, i));
    return made("span", { title: words }, written(value, column.digits), made("b", { class: `mark ${kind}` }, mark));
  }
  if (typeof value === "boolean") return made("span", { class: value ? "yes" : "no" }, value ? "✓ yes" : "✗ no");
  if (typeof value === "number") return made("span", {}, written(value, column.digits));
  return made("span", {}, value);
}

// Returns the energy above the hull; where two potentials were asked, the higher one.
function worse(data, i) {
  const energies = ["energy_above_hull", "energy_above_hull_second"].map((name) => data.columns[name] && data.columns[name].values[i]);
  const found = energies.filter((energy) => typeof energy === "number");
  return found.length ? Math.max(...found) : null;
}

const doubt = (data, i) => data.columns.doubtful && data.columns.doubtful.values[i];

// Returns whether a space group is one of those that a text lists: numbers, symbols or ranges of numbers.
function inGroups(text, symbol, number) {
  const plain = (name) => name.replace(/[\s_]/g, "").toLowerCase();
  return text.split(/[,;]+/).map((part) => part.trim()).filter(Boolean).some((part) => {
    const range = part.match(/^(\d+)\s*(?:[-–:]\s*(\d+))?$/);
    if (range) return number >= Number(range[1]) && number <= Number(range[2] || range[1]);
    return plain(part) === plain(symbol);
  });
}

// Returns whether the crystal i passes the filter, whose fields are texts as they were typed; empty ones say nothing.
function passes(data, i, filter) {
  const value = (name) => (data.columns[name] ? data.columns[name].values[i] : null);
  const typed = filter.formula.trim().toLowerCase();
  if (typed && ![value("formula"), value("id")].some((text) => String(text).toLowerCase().includes(typed))) return false;
  const asked = [...elementsOf(filter.elements)], present = elementsOf(value("formula"));
  if (asked.length) {
    const found = asked.filter((element) => present.has(element)).length;
    if (filter.having === "none" ? found > 0 : found < asked.length) return false;
    if (filter.having === "only" && present.size > asked.length) return false;
  }
  if (filter.group.trim() && !inGroups(filter.group, value("space_group") || "", value("space_group_number"))) return false;
  const most = parseFloat(filter.above.replace(",", "."));
  if (!Number.isNaN(most) && !(value("energy_above_hull") !== null && value("energy_above_hull") <= most)) return false;
  if (filter.valid && value("lemat_valid") !== (filter.valid === "yes")) return false;
  if (filter.fresh && (value("new") === "new") !== (filter.fresh === "yes")) return false;
  return !(filter.sure && value("doubtful"));
}

// Returns the crystals in the order of a column's values; those without a value are last whichever way it goes.
function sorted(data, indices, name, descending) {
  const { values } = data.columns[name], empty = (value) => value === null || value === undefined || value === "";
  const order = (a, b) => (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);
  const numbers = name === "space_group" && data.columns.space_group_number;
  const key = (i) => (numbers ? numbers.values[i] : values[i]);
  return [...indices].sort((i, j) => {
    if (empty(values[i]) || empty(values[j])) return empty(values[i]) - empty(values[j]) || i - j;
    return (descending ? -1 : 1) * order(key(i), key(j)) || i - j;
  });
}

class CrystalTable {
  constructor(table, data, names, chosen) {
    Object.assign(this, { table, data, names, chosen, by: null, descending: false, selected: -1 });
    this.heads = names.map((name) => this.head(name));
    table.tHead.replaceChildren(made("tr", {}, ...this.heads));
    const isNumber = (name) => data.columns[name].values.some((value) => typeof value === "number");
    this.numeric = new Set(names.filter(isNumber));
    this.rows = [];
    const scroll = table.parentElement;
    scroll.addEventListener("scroll", () => {
      if (scroll.scrollTop + 2 * scroll.clientHeight > scroll.scrollHeight) this.reach(this.reached + ROWS);
    });
    table.tBodies[0].addEventListener("keydown", (event) => this.key(event));
  }

  head(name) {
    const { label, meaning, unit } = this.data.columns[name];
    const button = made("button", { type: "button", title: `${meaning} Press to sort.` }, label);
    if (unit) button.append(made("small", {}, unit));
    button.addEventListener("click", () => this.sort(name));
    return made("th", { scope: "col", "data-column": name, "aria-sort": "none" }, button);
  }

  row(i) {
    if (this.rows[i]) return this.rows[i];
    const row = this.rows[i] = made("tr", { tabindex: "-1", "data-crystal": i });
    for (const name of this.names) {
      const shown = cell(this.data, name, i);
      row.append(made("td", { class: this.numeric.has(name) ? "number" : name, title: shown.title || shown.textContent }, shown));
    }
    row.addEventListener("click", () => this.select(i, true));
    return row;
  }

  sort(name) {
    this.descending = this.by === name && !this.descending;
    this.by = name;
    this.heads.forEach((head, k) => {
      const own = this.names[k] === name;
      head.setAttribute("aria-sort", own ? (this.descending ? "descending" : "ascending") : "none");
    });
    this.show(this.shown);
  }

  show(indices) {
    this.shown = this.by ? sorted(this.data, indices, this.by, this.descending) : [...indices].sort((i, j) => i - j);
    this.table.tBodies[0].replaceChildren();
    this.table.parentElement.scrollTop = 0;
    this.reached = 0;
    this.reach(ROWS);
    if (!this.shown.includes(this.selected) && this.shown.length) this.select(this.shown[0], false);
  }

  // Puts so many of the shown rows into the page: a browser takes seconds to lay out a thousand at once.
  reach(count) {
    this.table.tBodies[0].append(...this.shown.slice(this.reached, count).map((i) => this.row(i)));
    this.reached = Math.max(this.reached, Math.min(count, this.shown.length));
  }

  select(i, focus) {
    if (this.selected >= 0) {
      this.row(this.selected).removeAttribute("aria-selected");
      this.row(this.selected).tabIndex = -1;
    }
    this.selected = i;
    this.reach(this.shown.indexOf(i) + 1);
    const row = this.row(i);
    row.setAttribute("aria-selected", "true");
    row.tabIndex = 0;
    if (focus) row.focus();
    this.chosen(i);
  }

  key(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const at = this.shown.indexOf(this.selected) + steps[event.key];
    this.select(this.shown[Math.min(this.shown.length - 1, Math.max(0, at))], true);
  }
}
