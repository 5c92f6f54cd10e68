"use strict";
// The picture of a crystal: balls, sticks and the edges of the cell in perspective, drawn from back to front.
// Positions are in Å, to the right, upwards and to the viewer; the viewer turns them.

const PER_ANGSTROM = 100;
const STICK = 0.09, EDGE = 0.025, PIECE = 0.35; // Å: the radii of bonds and edges, the length of an edge's pieces
const DISTANCE = 6; // from the viewer to the middle, in radii of the crystal
const FOG = 0.5; // the share of white in what is farthest
const STEP = 0.12; // radians that an arrow key turns
const NEAREST_ZOOM = 0.3, FARTHEST_ZOOM = 8;

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const mixed = (from, to, share) => from.map((value, i) => Math.round(value + share * (to[i] - value)));
const css = (colour) => `rgb(${colour.join(",")})`;
const WHITE = [255, 255, 255], BLACK = [0, 0, 0];

function points(whole) {
  const found = [];
  for (let i = 0; i < whole.length; i += 3) found.push(whole.slice(i, i + 3).map((value) => value / PER_ANGSTROM));
  return found;
}

const add = (p, q, times = 1) => p.map((value, i) => value + times * q[i]);
const length = (p) => Math.hypot(...p);

// Returns a matrix that turns by `right` about the vertical and by `down` about the horizontal axis, times another.
function turned(matrix, right, down) {
  const [c, s, d, t] = [Math.cos(right), Math.sin(right), Math.cos(down), Math.sin(down)];
  const turn = [[c, 0, s], [t * s, d, -t * c], [-d * s, t, d * c]];
  return turn.map((row) => [0, 1, 2].map((j) => row.reduce((sum, value, k) => sum + value * matrix[k][j], 0)));
}

class CrystalView {
  constructor(canvas, elements) {
    this.canvas = canvas;
    this.elements = Object.fromEntries(
      Object.entries(elements).map(([z, element]) => [z, { ...element, rgb: rgb(element.colour) }]));
    for (const element of Object.values(this.elements)) element.ball = this.ballOf(element.rgb);
    this.symbols = false;
    this.spinning = false;
    this.pointers = new Map();
    this.reset();
    this.listen();
    new ResizeObserver(() => this.ask()).observe(canvas);
  }

  show(drawing) {
    this.atoms = points(drawing.atoms).map((position, i) => ({ position, ...this.elements[drawing.numbers[i]] }));
    this.origin = points(drawing.origin)[0];
    this.lattice = points(drawing.lattice);
    this.bonds = [];
    for (let i = 0; i < drawing.bonds.length; i += 2)
      this.bonds.push([this.atoms[drawing.bonds[i]], this.atoms[drawing.bonds[i + 1]]]);
    this.edges = this.edgePieces();
    const corners = this.edges.flat();
    this.radius = Math.max(1.5, ...corners.map(length), ...this.atoms.map((atom) => length(atom.position) + atom.radius));
    this.reset();
  }

  reset() {
    this.matrix = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
    this.zoomed = 1;
    this.ask();
  }

  turn(right, down) {
    this.matrix = turned(this.matrix, right, down);
    this.ask();
  }

  zoom(factor) {
    this.zoomed = Math.min(FARTHEST_ZOOM, Math.max(NEAREST_ZOOM, this.zoomed * factor));
    this.ask();
  }

  spin(on) {
    this.spinning = on;
    this.ask();
  }

  // Returns whether a point is inside of a ball or a stick.
  covers(point) {
    if (this.atoms.some((atom) => length(add(point, atom.position, -1)) < atom.radius)) return true;
    return this.bonds.some(([first, second]) => {
      const along = add(second.position, first.position, -1), from = add(point, first.position, -1);
      const share = from.reduce((sum, value, k) => sum + value * along[k], 0) / length(along) ** 2;
      return share > 0 && share < 1 && length(add(from, along, -share)) < STICK;
    });
  }

  // Returns the pieces of the twelve edges that no ball or stick covers, which would otherwise be drawn over them.
  edgePieces() {
    const pieces = [];
    for (const k of [0, 1, 2]) {
      const [others, vector] = [[0, 1, 2].filter((j) => j !== k), this.lattice[k]];
      const count = Math.ceil(length(vector) / PIECE);
      for (const [p, q] of [[0, 0], [0, 1], [1, 0], [1, 1]]) {
        const start = add(add(this.origin, this.lattice[others[0]], p), this.lattice[others[1]], q);
        for (let i = 0; i < count; i++) {
          const [from, to] = [add(start, vector, i / count), add(start, vector, (i + 1) / count)];
          const middle = add(start, vector, (i + 0.5) / count);
          if (!this.covers(middle)) pieces.push([from, to]);
        }
      }
    }
    return pieces;
  }

  // Returns where a point is on the canvas, how near it is in Å, and how many pixels an Å has there.
  seen(point) {
    const [x, y, z] = this.matrix.map((row) => row[0] * point[0] + row[1] * point[1] + row[2] * point[2]);
    const scale = (this.pixels * DISTANCE * this.radius) / Math.max(0.1, DISTANCE * this.radius - z);
    return { x: this.middle[0] + x * scale, y: this.middle[1] - y * scale, z, scale };
  }

  ask() {
    if (this.asked || !this.atoms) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      if (this.spinning) this.turn(0.012, 0);
      this.draw();
    });
  }

  draw() {
    const { canvas } = this, ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio].map(Math.round);
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    this.context = canvas.getContext("2d");
    this.context.clearRect(0, 0, width, height);
    this.middle = [width / 2, height / 2];
    this.pixels = (0.46 * this.zoomed * Math.min(width, height)) / this.radius;
    const parts = [...this.balls(), ...this.sticks(), ...this.pieces()].sort((a, b) => a.z - b.z);
    const span = 2 * this.radius;
    for (const part of parts) part.draw(Math.min(FOG, Math.max(0, (FOG * (this.radius - part.z)) / span)));
    this.axisNames();
  }

  *balls() {
    for (const atom of this.atoms) {
      const { x, y, z, scale } = this.seen(atom.position), radius = atom.radius * scale;
      yield { z, draw: (fog) => this.ball(x, y, radius, atom, fog) };
    }
  }

  ball(x, y, radius, atom, fog) {
    const { context } = this, side = 2 * radius * 1.05;
    context.drawImage(atom.ball, x - side / 2, y - side / 2, side, side);
    context.fillStyle = `rgba(255,255,255,${fog})`;
    context.beginPath();
    context.arc(x, y, side / 2, 0, 2 * Math.PI);
    context.fill();
    if (this.symbols && radius > 5) this.text(atom.symbol, x, y, Math.max(10, radius));
  }

  *sticks() {
    for (const [first, second] of this.bonds) {
      const along = add(second.position, first.position, -1), distance = length(along);
      const ends = [add(first.position, along, (0.9 * first.radius) / distance),
        add(second.position, along, (-0.9 * second.radius) / distance)];
      const middle = add(ends[0], add(ends[1], ends[0], -1), 0.5);
      for (const [end, atom] of [[ends[0], first], [ends[1], second]]) {
        const [from, to] = [this.seen(end), this.seen(middle)];
        yield { z: (from.z + to.z) / 2, draw: (fog) => this.stick(from, to, atom.rgb, fog) };
      }
    }
  }

  stick(from, to, colour, fog) {
    const width = STICK * (from.scale + to.scale);
    const shades = [[1, mixed(colour, BLACK, 0.45)], [0.65, colour], [0.25, mixed(colour, WHITE, 0.5)]];
    for (const [share, shade] of shades) this.line(from, to, share * width, css(mixed(shade, WHITE, fog)));
  }

  *pieces() {
    for (const [start, end] of this.edges) {
      const [from, to] = [this.seen(start), this.seen(end)], width = EDGE * (from.scale + to.scale);
      yield { z: (from.z + to.z) / 2, draw: (fog) => this.line(from, to, width, css(mixed([64, 64, 64], WHITE, fog))) };
    }
  }

  line(from, to, width, colour) {
    const { context } = this;
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
    context.stroke();
  }

  text(text, x, y, size, style = "") {
    const { context } = this;
    context.font = `${style} ${size}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = size / 4;
    context.lineJoin = "round";
    context.strokeStyle = "rgba(255,255,255,0.85)";
    context.strokeText(text, x, y);
    context.fillStyle = "#111";
    context.fillText(text, x, y);
  }

  axisNames() {
    const size = 15 * (window.devicePixelRatio || 1);
    this.lattice.forEach((vector, k) => {
      const end = add(this.origin, vector), near = this.atoms.filter((a) => length(add(a.position, end, -1)) < 0.4);
      const { x, y, scale } = this.seen(end), start = this.seen(this.origin);
      const beyond = 0.45 + Math.max(0, ...near.map((atom) => atom.radius)), seen = Math.hypot(x - start.x, y - start.y);
      const [right, down] = seen > 1 ? [(x - start.x) / seen, (y - start.y) / seen] : [0, 1];
      this.text("abc"[k], x + beyond * scale * right, y + beyond * scale * down, size, "italic");
    });
  }

  // Returns the picture of a ball, lit from the upper left, with a dark rim.
  ballOf(colour) {
    const side = 160, ball = Object.assign(document.createElement("canvas"), { width: side, height: side });
    const context = ball.getContext("2d"), middle = side / 2, radius = middle / 1.05;
    const disc = (r, fill) => {
      context.fillStyle = fill;
      context.beginPath();
      context.arc(middle, middle, r, 0, 2 * Math.PI);
      context.fill();
    };
    disc(middle, css(mixed(colour, BLACK, 0.65)));
    const light = context.createRadialGradient(
      middle - 0.3 * radius, middle - 0.35 * radius, 0, middle, middle, 1.05 * radius);
    const stops = [[0, mixed(colour, WHITE, 0.75)], [0.45, colour], [1, mixed(colour, BLACK, 0.45)]];
    for (const [at, shade] of stops) light.addColorStop(at, css(shade));
    disc(radius, light);
    return ball;
  }

  listen() {
    const { canvas, pointers } = this;
    const apart = () => {
      const [p, q] = [...pointers.values()];
      return Math.hypot(p.x - q.x, p.y - q.y);
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    canvas.addEventListener("pointermove", (event) => {
      const last = pointers.get(event.pointerId);
      if (!last) return;
      const before = pointers.size === 2 ? apart() : 0;
      const turn = 0.01, moved = [event.clientX - last.x, event.clientY - last.y];
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      if (pointers.size === 2) this.zoom(apart() / Math.max(1, before));
      else this.turn(turn * moved[0], turn * moved[1]);
    });
    for (const end of ["pointerup", "pointercancel"])
      canvas.addEventListener(end, (event) => pointers.delete(event.pointerId));
    canvas.addEventListener("wheel", (event) => {
      if (document.activeElement !== canvas) return; // or the page could not be scrolled past the picture
      event.preventDefault();
      this.zoom(Math.exp(-0.001 * event.deltaY));
    }, { passive: false });
    const keys = {
      ArrowLeft: () => this.turn(-STEP, 0), ArrowRight: () => this.turn(STEP, 0),
      ArrowUp: () => this.turn(0, -STEP), ArrowDown: () => this.turn(0, STEP),
      "+": () => this.zoom(1.15), "=": () => this.zoom(1.15), "-": () => this.zoom(1 / 1.15), 0: () => this.reset(),
    };
    canvas.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
    });
  }
}
