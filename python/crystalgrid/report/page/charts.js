"use strict";
// The distributions: filled bars are the crystals of the table, the line or the hollow diamonds those of the data set.

const BINS = 24, MOST_BARS = 14;
const WIDTH = 420, HEIGHT = 210, LEFT = 42, RIGHT = 10, TOP = 8, BOTTOM = 38;

function drawn(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const label = (x, y, text, attributes = {}) => drawn("text", { x, y, ...attributes }, text);
const hint = (text) => drawn("title", {}, text);
const percent = (share) => `${(100 * share).toFixed(share < 0.095 ? 1 : 0)} %`;

// Returns round numbers from `low` to `high`, about as many as asked for.
function ticks(low, high, count) {
  const rough = (high - low || 1) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(Number((i * step).toPrecision(10)));
  return found;
}

const numbers = (values) => values.filter((value) => typeof value === "number" && Number.isFinite(value));

function histogram(values, edges) {
  const counts = edges.slice(1).map(() => 0), [low, high] = [edges[0], edges[edges.length - 1]];
  for (const value of values) {
    const bin = Math.floor(((value - low) / (high - low)) * counts.length);
    counts[Math.min(counts.length - 1, Math.max(0, bin))] += 1;
  }
  return counts.map((count) => count / Math.max(1, values.length));
}

// Returns the edges of bins that hold all but the outermost values, which the first and the last bin hold.
function edgesOf(own, theirs) {
  const [o, t] = [own, theirs].map((values) => [...values].sort((a, b) => a - b));
  const at = (ordered, share) => (ordered.length ? [ordered[Math.round(share * (ordered.length - 1))]] : []);
  const low = Math.min(...at(o, 0.005), ...at(t, 0.01)), high = Math.max(...at(o, 0.995), ...at(t, 0.99)), span = high - low || 1;
  return Array.from({ length: BINS + 1 }, (_, i) => low - 0.02 * span + (1.04 * span * i) / BINS);
}

function framed(title, description, x, y, unit) {
  const picture = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}. ${description}` });
  for (const value of y.ticks) {
    picture.append(drawn("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y.at(value), y2: y.at(value), class: "grid" }));
    picture.append(label(LEFT - 5, y.at(value) + 3.5, y.text(value), { class: "tick", "text-anchor": "end" }));
  }
  for (const value of x.ticks)
    picture.append(label(x.at(value), HEIGHT - BOTTOM + 15, x.text(value), { class: "tick", "text-anchor": "middle" }));
  picture.append(label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, unit, { class: "tick", "text-anchor": "middle" }));
  return picture;
}

const between = (low, high, from, to) => (value) => from + ((value - low) / (high - low || 1)) * (to - from);

function figure(title, picture) {
  return made("figure", {}, made("figcaption", {}, title), picture);
}

function histogramFigure(title, unit, values, known, selected) {
  const own = numbers(values), theirs = numbers(known || []);
  if (!own.length) return figure(title, made("p", { class: "none" }, "No crystal of the table has this figure."));
  const edges = edgesOf(own, theirs), shares = histogram(own, edges), others = histogram(theirs, edges);
  const most = Math.max(...shares, ...others), [low, high] = [edges[0], edges[BINS]];
  const x = { at: between(low, high, LEFT, WIDTH - RIGHT), ticks: ticks(low, high, 6), text: (v) => String(v).replace("-", "−") };
  const y = { at: between(0, most, HEIGHT - BOTTOM, TOP), ticks: ticks(0, most, 4), text: percent };
  const picture = framed(title, `${own.length} crystals of the table, ${theirs.length} of the data set.`, x, y, unit);
  shares.forEach((share, i) => {
    const [from, to] = [x.at(edges[i]), x.at(edges[i + 1])];
    const words = `${edges[i].toFixed(2)} to ${edges[i + 1].toFixed(2)}: ${percent(share)}` +
      (theirs.length ? `; data set ${percent(others[i])}` : "");
    const bar = { x: from + 0.5, width: to - from - 1, y: y.at(share), height: y.at(0) - y.at(share), class: "own" };
    picture.append(drawn("rect", bar), drawn("rect", { x: from, width: to - from, y: TOP, height: y.at(0) - TOP, class: "hover" }, hint(words)));
  });
  if (theirs.length) {
    const line = others.map((share, i) => `H${x.at(edges[i])}V${y.at(share)}H${x.at(edges[i + 1])}`).join("");
    picture.append(drawn("path", { d: `M${x.at(low)},${y.at(0)}${line}V${y.at(0)}`, class: "known" }));
  }
  if (typeof selected === "number") {
    const at = x.at(Math.min(high, Math.max(low, selected)));
    picture.append(drawn("path", { d: `M${at},${y.at(0)}l-5,9h10z`, class: "chosen" }, hint("the chosen crystal")));
  }
  return figure(title, picture);
}

// Draws how many of the crystals have each of the most frequent names.
function barFigure(title, counts, total, known, typeset) {
  const share = (name) => (counts[name] || 0) / Math.max(1, total);
  const other = (name) => (known ? (known.counts[name] || 0) / Math.max(1, known.total) : 0);
  const names = Object.keys(counts).sort((a, b) => counts[b] - counts[a]).slice(0, MOST_BARS);
  if (!names.length) return figure(title, made("p", { class: "none" }, "No crystal is shown."));
  const most = Math.max(...names.map(share), ...names.map(other)), wide = (WIDTH - LEFT - RIGHT) / Math.max(6, names.length);
  const y = { at: between(0, most, HEIGHT - BOTTOM, TOP), ticks: ticks(0, most, 4), text: percent };
  const words = `The most frequent: ${names.slice(0, 5).map((name) => `${name} ${percent(share(name))}`).join(", ")}.`;
  const picture = framed(title, words, { ticks: [] }, y, "");
  names.forEach((name, i) => {
    const x = LEFT + i * wide, top = y.at(share(name));
    picture.append(drawn("rect", { x: x + 0.15 * wide, width: 0.7 * wide, y: top, height: y.at(0) - top, class: "own" }));
    if (known) {
      const at = y.at(other(name)), middle = x + wide / 2;
      picture.append(drawn("path", { d: `M${middle - 6},${at}l6,-6l6,6l-6,6z`, class: "known" }));
    }
    picture.append(drawn("rect", { x, width: wide, y: TOP, height: y.at(0) - TOP, class: "hover" },
      hint(`${name}: ${percent(share(name))}${known ? `; data set ${percent(other(name))}` : ""}`)));
    const turn = typeset ? { transform: `rotate(-35 ${x + wide / 2} ${HEIGHT - BOTTOM + 12})`, "text-anchor": "end" } : { "text-anchor": "middle" };
    picture.append(label(x + wide / 2 + (typeset ? 5 : 0), HEIGHT - BOTTOM + 14, typeset ? plainSymbol(name) : name, { class: "tick", ...turn }));
  });
  return figure(title, picture);
}

function counted(lists) {
  const counts = {};
  for (const list of lists) for (const name of list) counts[name] = (counts[name] || 0) + 1;
  return counts;
}

// Returns the figures of the crystals that the table shows, beside those of the data set.
function distributionFigures(data, shown, selected) {
  const { columns, known } = data, chosen = (name) => shown.map((i) => columns[name].values[i]);
  const against = (name) => known && { counts: known[name], total: known.count };
  const figures = [histogramFigure("Volume per atom", "Å³", chosen("volume_per_atom"), known && known.volume_per_atom,
    columns.volume_per_atom.values[selected])];
  if (columns.energy_above_hull)
    figures.push(histogramFigure("Energy above the hull", "eV/atom", chosen("energy_above_hull"),
      known && known.energy_above_hull, columns.energy_above_hull.values[selected]));
  figures.push(barFigure("Crystals with each element", counted(chosen("formula").map(elementsOf)), shown.length, against("elements"), false));
  const groups = chosen("space_group").filter(Boolean).map((symbol) => [symbol]);
  figures.push(barFigure("Space groups", counted(groups), shown.length, against("space_groups"), true));
  return figures;
}
