// Matches a point by the rule of corrlib.matching.estimators.nearest, on packed features.
const BLUE = "#2166ac", ORANGE = "#e08214", ZOOM = 3, TIE = 1e-12;

async function inflate(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// the two neighbouring cells of a pixel along one axis, and the weight of the second
function taps(pixel, from, to, cells) {
  const at = Math.min(Math.max(((pixel - from) / (to - from)) * cells - 0.5, 0), cells - 1);
  const low = Math.floor(at);
  return [low, Math.min(low + 1, cells - 1), at - low];
}

function tapsOf(map, shown) {
  const [x0, y0, x1, y1] = map.edges;
  return [
    Array.from({ length: shown[0] }, (_, x) => taps(x, x0, x1, map.grid[0])),
    Array.from({ length: shown[1] }, (_, y) => taps(y, y0, y1, map.grid[1])),
  ];
}

function featureAt(map, x, y) {
  const [x0, y0, x1, y1] = map.edges, [w] = map.grid;
  const [l, r, b] = taps(x, x0, x1, map.grid[0]), [t, d, a] = taps(y, y0, y1, map.grid[1]);
  return map.axes.map((f) =>
    (1 - a) * ((1 - b) * f[t * w + l] + b * f[t * w + r]) +
    a * ((1 - b) * f[d * w + l] + b * f[d * w + r]));
}

// cells to every pixel: rows first, then columns
function spread(cells, map, [columns, rows]) {
  const [w] = map.grid, out = new Float64Array(columns.length * rows.length);
  const line = new Float64Array(w);
  rows.forEach(([t, d, a], y) => {
    for (let i = 0; i < w; i++) line[i] = (1 - a) * cells[t * w + i] + a * cells[d * w + i];
    columns.forEach(([l, r, b], x) => {
      out[y * columns.length + x] = (1 - b) * line[l] + b * line[r];
    });
  });
  return out;
}

async function unpack(packed, target) {
  const bytes = await inflate(packed.data), maps = [];
  let at = 0;
  for (const i of [0, 1]) {
    const grid = packed.grids[i], n = grid[0] * grid[1];
    const axes = packed.low.map((low, k) =>
      Float64Array.from(bytes.subarray(at + k * n, at + (k + 1) * n), (q) => low + packed.step[k] * q));
    at += n * packed.low.length;
    maps.push({ grid, edges: packed.edges[i], axes });
  }
  const taken = tapsOf(maps[1], target.shown);
  const squares = new Float64Array(target.shown[0] * target.shown[1]);
  for (const axis of maps[1].axes) spread(axis, maps[1], taken).forEach((v, i) => { squares[i] += v * v; });
  return { source: maps[0], target: maps[1], taken, length: squares.map((v) => Math.sqrt(Math.max(v, 1e-24))) };
}

// where the point (x, y) of the source is found: pixel, cosine, and the cosine everywhere
function match(maps, x, y, shown) {
  const vector = featureAt(maps.source, x, y), own = Math.hypot(...vector);
  const cells = new Float64Array(maps.target.axes[0].length);
  maps.target.axes.forEach((axis, k) => axis.forEach((v, i) => { cells[i] += (vector[k] / own) * v; }));
  const heat = spread(cells, maps.target, maps.taken).map((v, i) => v / maps.length[i]);
  const best = heat.reduce((a, b) => Math.max(a, b), -Infinity);
  const first = heat.findIndex((v) => v >= best - TIE * Math.abs(best));
  return { x: first % shown[0], y: Math.floor(first / shown[0]), score: best, heat };
}

function make(kind, parent, traits = {}, text = "") {
  const made = Object.assign(document.createElement(kind), traits);
  made.append(text);
  parent.append(made);
  return made;
}

function mark(pen, x, y, shape, color) {
  const r = 5 * ZOOM, to = (v) => (v + 0.5) * ZOOM;
  for (const [width, ink] of [[2.4 * ZOOM, "#fff"], [1.1 * ZOOM, color]]) {
    pen.lineWidth = width; pen.strokeStyle = ink; pen.beginPath();
    if (shape === "cross") {
      pen.moveTo(to(x) - r, to(y) - r); pen.lineTo(to(x) + r, to(y) + r);
      pen.moveTo(to(x) + r, to(y) - r); pen.lineTo(to(x) - r, to(y) + r);
    } else pen.arc(to(x), to(y), shape === "dot" ? r / 2 : shape * ZOOM, 0, 2 * Math.PI);
    pen.stroke();
  }
}

function grey(canvas) {
  const pen = canvas.getContext("2d"), shot = pen.getImageData(0, 0, canvas.width, canvas.height), d = shot.data;
  for (let i = 0; i < d.length; i += 4) d[i] = d[i + 1] = d[i + 2] = 90 + 0.65 * (0.299 * d[i] + 0.587 * d[i + 1] + 0.114 * d[i + 2]);
  pen.putImageData(shot, 0, 0);
}

function overlay(heat, shown, colors) {
  const sorted = Float64Array.from(heat).sort(), low = sorted[Math.floor(0.7 * sorted.length)];
  const high = sorted[sorted.length - 1], layer = document.createElement("canvas");
  [layer.width, layer.height] = shown;
  const pen = layer.getContext("2d"), shot = pen.createImageData(...shown);
  heat.forEach((v, i) => {
    const part = Math.min(Math.max((v - low) / Math.max(high - low, 1e-12), 0), 1);
    const [r, g, b] = colors[Math.round(part * (colors.length - 1))];
    shot.data.set([r, g, b, 217 * Math.sqrt(part)], 4 * i);
  });
  pen.putImageData(shot, 0, 0);
  return layer;
}

function mount(el, spec, changed = () => {}) {
  el.classList.add("explorer");
  const knobs = make("div", el, { className: "ex-knobs" }), selects = {};
  for (const name of ["pair", "method", "layer", "timestep"]) {
    const label = make("label", knobs, {}, `${name} `);
    selects[name] = make("select", label, { name });
  }
  const [back, next] = ["\u25c0", "\u25b6"].map((text, i) => make("button", knobs, { type: "button",
    ariaLabel: `${i ? "next" : "previous"} annotated point` }, text));
  const pictures = make("div", el, { className: "ex-pictures" });
  const [left, right] = ["Point here: move, tap, or arrow keys", "Found here; brighter is more similar"].map((text, i) => {
    const panel = make("div", pictures, { className: "ex-panel" });
    make("span", panel, {}, text);
    return make("canvas", panel, { tabIndex: i ? -1 : 0, role: i ? "img" : "application" });
  });
  right.removeAttribute("tabindex");
  left.ariaLabel = "The first picture. Arrow keys move the point by four pixels, with Shift by one; N and P go to the next and the previous annotated point.";
  const said = make("p", el, { className: "ex-said", ariaLive: "polite" });
  const note = make("p", el, { className: "ex-note" });
  const kept = new Map(), photos = new Map(), at = { pair: 0, look: spec.start, x: 0, y: 0, named: -1 };
  const pair = () => spec.pairs[at.pair];
  const shownX = (one, v) => ((v + 0.5) * one.shown[0]) / one.size[0] - 0.5;
  const shownY = (one, v) => ((v + 0.5) * one.shown[1]) / one.size[1] - 0.5;
  const real = (one, x, y) => [((x + 0.5) * one.size[0]) / one.shown[0] - 0.5, ((y + 0.5) * one.size[1]) / one.shown[1] - 0.5];

  function fill(select, values, chosen, name = (v) => v) {
    select.replaceChildren(...values.map((v, i) => new Option(name(v), i, false, v === chosen)));
    select.disabled = values.length < 2;
  }
  function offer() {
    const [method, layer, t] = spec.looks[at.look], of = spec.looks.filter((l) => l[0] === method);
    const unique = (list) => [...new Set(list)];
    fill(selects.pair, spec.pairs.map((p) => p.label), pair().label);
    fill(selects.method, unique(spec.looks.map((l) => l[0])), method);
    fill(selects.layer, unique(of.map((l) => l[1])), layer, (v) => v || "only one");
    fill(selects.timestep, unique(of.map((l) => l[2])), t, (v) => v ?? "none");
    back.disabled = next.disabled = !pair().points;
    note.textContent = pair().note;
  }
  async function photo(one) {
    if (!photos.has(one.image)) {
      const image = new Image();
      image.src = one.image;
      await image.decode();
      const plain = document.createElement("canvas"), dim = document.createElement("canvas");
      for (const canvas of [plain, dim]) {
        canvas.width = one.shown[0] * ZOOM; canvas.height = one.shown[1] * ZOOM;
        canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      }
      grey(dim);
      photos.set(one.image, { plain, dim });
    }
    return photos.get(one.image);
  }
  function paint(canvas, layers) {
    canvas.width = layers[0].width; canvas.height = layers[0].height;
    const pen = canvas.getContext("2d");
    for (const layer of layers) pen.drawImage(layer, 0, 0, canvas.width, canvas.height);
    return pen;
  }
  function verdict(one, answer) {
    if (at.named < 0) return ["", BLUE];
    const [tx, ty] = one.truths[at.named], off = Math.hypot(answer[0] - tx, answer[1] - ty);
    const right = off <= one.tolerance, allowed = one.tolerance.toFixed(1);
    return [` This is the point \u201c${one.names[at.named]}\u201d: the answer is ${off.toFixed(1)} pixels off, ${allowed} are allowed, so it is ${right ? "right" : "wrong"}.`, right ? BLUE : ORANGE];
  }
  async function draw() {
    const one = pair(), { source, target } = one, key = `${at.pair} ${at.look}`;
    if (!kept.has(key)) kept.set(key, unpack(one.maps[at.look], target));
    const [maps, from, to] = await Promise.all([kept.get(key), photo(source), photo(target)]);
    if (key !== `${at.pair} ${at.look}`) return; // the reader has gone on
    const found = match(maps, at.x, at.y, target.shown), answer = real(target, found.x, found.y);
    const [words, color] = verdict(one, answer), point = real(source, at.x, at.y);
    let pen = paint(left, [from.plain]);
    for (const [x, y] of one.points ?? []) mark(pen, shownX(source, x), shownY(source, y), 1.6, "#555");
    mark(pen, at.x, at.y, 6, "#222");
    pen = paint(right, [to.dim, overlay(found.heat, target.shown, spec.colors)]);
    if (at.named >= 0) {
      const [x, y] = one.truths[at.named], reach = (one.tolerance * target.shown[0]) / target.size[0];
      mark(pen, shownX(target, x), shownY(target, y), reach, "#222");
    }
    mark(pen, found.x, found.y, "cross", color);
    const told = ([x, y]) => `(${x.toFixed(0)}, ${y.toFixed(0)})`;
    said.textContent = `Asked at ${told(point)}, found at ${told(answer)}, similarity ${found.score.toFixed(3)}.${words}`;
    right.ariaLabel = `The second picture. ${said.textContent}`;
    const [method, layer, timestep] = spec.looks[at.look], chosen = { pair: one.label, method, layer, timestep };
    el.dataset.answer = JSON.stringify({ point, answer, score: found.score, chosen });
    changed({ point, answer, score: found.score, chosen });
  }
  function go(x, y, named = -1) {
    const { shown } = pair().source;
    at.x = Math.min(Math.max(x, -0.5), shown[0] - 0.5);
    at.y = Math.min(Math.max(y, -0.5), shown[1] - 0.5);
    at.named = named;
    return draw();
  }
  function goTo(named) {
    const one = pair(), n = one.points.length, i = ((named % n) + n) % n;
    const [x, y] = one.points[i];
    return go(shownX(one.source, x), shownY(one.source, y), i);
  }
  // a point as it lies under the pointer; near an annotated one, that one
  function pointed(event) {
    const box = left.getBoundingClientRect(), one = pair(), { shown } = one.source;
    const x = ((event.clientX - box.left) / box.width) * shown[0] - 0.5;
    const y = ((event.clientY - box.top) / box.height) * shown[1] - 0.5;
    const far = (one.points ?? []).map(([px, py]) => Math.hypot(shownX(one.source, px) - x, shownY(one.source, py) - y));
    const near = far.indexOf(Math.min(...far));
    if (far.length && far[near] <= shown[0] / 60) goTo(near);
    else go(x, y);
  }
  function begin() {
    offer();
    if (pair().points) goTo(Math.max(pair().first ?? 0, 0));
    else go((pair().source.shown[0] - 1) / 2, (pair().source.shown[1] - 1) / 2);
  }
  left.addEventListener("pointerdown", pointed);
  left.addEventListener("pointermove", (event) => { if (event.pointerType !== "touch" || event.buttons) pointed(event); });
  left.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 1 : 4;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const letter = { n: 1, p: -1 }[event.key.toLowerCase()];
    if (moves[event.key]) go(at.x + moves[event.key][0], at.y + moves[event.key][1]);
    else if (letter && pair().points) goTo(at.named < 0 && letter < 0 ? -1 : at.named + letter);
    else return;
    event.preventDefault();
  });
  next.addEventListener("click", () => goTo(at.named + 1));
  back.addEventListener("click", () => goTo(at.named < 0 ? -1 : at.named - 1));
  selects.pair.addEventListener("change", () => { at.pair = +selects.pair.value; begin(); });
  for (const [i, name] of ["method", "layer", "timestep"].entries()) {
    selects[name].addEventListener("change", () => {
      const wanted = spec.looks[at.look].map((v, j) => (j === i ? undefined : v));
      const text = selects[name].selectedOptions[0].text;
      const fits = spec.looks.map((look) => [look, look.reduce((sum, v, j) => sum + (v === wanted[j]), 0)])
        .filter(([look]) => [look[0], look[1] || "only one", `${look[2] ?? "none"}`][i] === text);
      const best = Math.max(...fits.map(([, same]) => same));
      at.look = spec.looks.indexOf(fits.find(([, same]) => same === best)[0]);
      if (name === "method" && spec.looks[spec.start][0] === text) at.look = spec.start;
      offer();
      draw();
    });
  }
  begin();
}
