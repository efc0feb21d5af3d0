// The page's half of a plot. It keeps the rows of the window, and draws them in every view: charts with BokehJS, the
// others as HTML. Every text of the data goes into the page by `textContent`, so none of it is markup.
//
// The kernel sends numbered messages with what is new. A page that opens, or misses a number, asks for everything. In a
// notebook that is opened without its kernel, there is no answer: then the model's state has the picture that was kept.

const ASK_AGAIN_MS = 3000;
const QUIET_MS = 400; // without a change, until the picture is kept; of a plot that never rests, it is kept seldom
const KEPT_MS = 10000;
const FEW_POINTS = 60; // of a line: more would hide it
const NEAR = 12; // pixels
const NOTE_MS = 250;
const FRAME_MS = 40; // a longer frame has drawn too much
const OFF_SCREEN_MS = 150;
const WAIT_MS = 30;

// What all plots of a page share: BokehJS by version, and the views that wait for a frame.
const shared = (globalThis[Symbol.for("kit.plots")] ??= { scripts: {}, waiting: new Set(), frame: 0 });

// ---- small things ---------------------------------------------------------------------------------------------------

function element(tag, className = "", text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

function floats(view) {
  return new Float64Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

function instant(milliseconds, unit) {
  const left = { day: 16, minute: 10, second: 7, millisecond: 3, microsecond: 0 }[unit];
  const whole = Math.floor(milliseconds);
  const micro = String(Math.min(999, Math.round((milliseconds - whole) * 1000))).padStart(3, "0");
  const text = new Date(whole).toISOString().replace("T", " ").replace("Z", micro);
  return text.slice(0, text.length - left) + (unit === "day" ? "" : " UTC");
}

function download(title, buffer) {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([buffer], { type: "text/csv" }));
  link.download = `${title || "plot"}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// ---- BokehJS --------------------------------------------------------------------------------------------------------

const loaded = (version) => (window.Bokeh?.version === version ? window.Bokeh : window.Bokeh?.[version]);

// BokehJS of this version, once the view is in the page: BokehJS measures it. One of the charts that wait asks its kernel
// for the script; when there is no answer, or that chart is gone, another does.
async function bokeh(version, view) {
  const script = (shared.scripts[version] ??= { asked: -Infinity });
  while (!view.removed && !(loaded(version) && view.figure.isConnected)) {
    if (!loaded(version) && (script.by?.removed || performance.now() - script.asked > 3 * ASK_AGAIN_MS)) {
      Object.assign(script, { asked: performance.now(), by: view });
      view.send({ kind: "bokehjs" });
    }
    await new Promise((done) => setTimeout(done, WAIT_MS));
  }
  return loaded(version);
}

async function load(version, zipped) {
  const known = (shared.scripts[version] ??= { asked: -Infinity });
  if (known.source || loaded(version)) return; // two kernels have answered, or another tab has asked
  const script = (known.source = element("script"));
  const plain = new Blob([zipped]).stream().pipeThrough(new DecompressionStream("gzip"));
  script.src = URL.createObjectURL(new Blob([await new Response(plain).blob()], { type: "text/javascript" }));
  document.head.append(script);
}

// ---- drawing in rounds ----------------------------------------------------------------------------------------------

// The first change is drawn at once, the next when the browser has painted. All that wait are drawn in one frame, which
// costs the browser less than a frame each; after a long one the page has time for others.
function soon(view) {
  shared.waiting.add(view);
  if (!shared.frame) drawRound();
}

function drawRound() {
  shared.frame = requestAnimationFrame((began) =>
    setTimeout(() => {
      const busy = performance.now() - began;
      setTimeout(endRound, busy > FRAME_MS ? busy / 2 : 0);
    }),
  );
  const now = performance.now();
  for (const view of shared.waiting) {
    if (now - view.drawn < (view.visible ? 2 * view.cost : OFF_SCREEN_MS)) continue;
    shared.waiting.delete(view);
    view.drawn = now;
    view.draw();
  }
}

function endRound() {
  shared.frame = 0;
  if (shared.waiting.size) drawRound();
}

// ---- the rows of a chart --------------------------------------------------------------------------------------------

// The rows of before, and the new ones: without those that are too old, and of them the last `keep`.
function joined(before, fresh, { keep, oldest }) {
  const all = fresh.map((column, n) => {
    const out = new Float64Array((before[n]?.length ?? 0) + column.length);
    out.set(before[n] ?? []);
    out.set(column, out.length - column.length);
    return out;
  });
  const kept = oldest === null ? all : all.map((column) => column.filter((_, row) => !(all[0][row] < oldest)));
  return kept.map((column) => column.slice(column.length - keep));
}

// The points of each slot. A row belongs to one series, by the last column, or has a value for each of several.
function points([at, ...ys], { by, sorted }, slots) {
  const rows = [];
  for (let row = 0; row < at.length; row++) if (Number.isFinite(at[row])) rows.push(row);
  if (sorted && rows.some((row, n) => n && at[row] < at[rows[n - 1]])) rows.sort((a, b) => at[a] - at[b]);
  const own = new Map(slots.map((slot) => [slot, by ? [] : rows]));
  if (by) for (const row of rows) own.get(ys[1][row])?.push(row);
  return slots.map((slot, n) => {
    const [y, mine] = [ys[by ? 0 : n], own.get(slot)];
    const data = { x: new Float64Array(mine.length), y: new Float64Array(mine.length) };
    mine.forEach((row, place) => {
      data.x[place] = at[row];
      data.y[place] = Number.isFinite(y[row]) ? y[row] : NaN;
    });
    return [slot, data];
  });
}

const number = (value) => value.toLocaleString("en", { maximumSignificantDigits: 7 });

// What is under the mouse.
function tip(plot, data, row, slot) {
  const [x, y] = plot.layout.labels;
  const name = plot.names.find(([other]) => other === slot)?.[1];
  const at = { series: () => (plot.unit ? instant(data.x[row], plot.unit) : number(data.x[row])), bars: () => data.x[row] };
  const span = () => `${number(data.left[row])} to ${number(data.right[row])}`;
  const lines = [[x, (at[plot.layout.kind] ?? span)()], [y, number(data.y[row])]];
  const box = element("div", "kit-tip");
  if (plot.layout.many) box.append(element("b", "", name));
  for (const [label, text] of lines) box.append(element("div", "", label ? `${label}: ${text}` : text));
  return box;
}

// Take a figure out of the page, and its document out of BokehJS's list.
function clear(root) {
  const { document } = root?.model ?? {};
  root?.remove();
  document?.clear();
  const documents = window.Bokeh?.documents ?? [];
  if (documents.includes(document)) documents.splice(documents.indexOf(document), 1);
}

// A chart in one view: the figure, and beside it the names of its series.
function chart(box, plot, send) {
  const figure = element("div", "kit-figure");
  const legend = element("div", "kit-legend");
  const hidden = new Set();
  const view = { figure, send, removed: false };
  let embedded = null; // the number of the layout
  let root = null;
  box.className = "kit-plot kit-chart";
  box.replaceChildren(figure, legend);

  async function embed() {
    const number = (embedded = plot.layout.number);
    const isOver = () => view.removed || embedded !== number; // a newer one may have begun meanwhile
    const BokehJS = await bokeh(plot.layout.bokeh, view);
    if (isOver()) return;
    clear(root);
    root = null;
    figure.replaceChildren();
    const [made] = [...(await BokehJS.embed.embed_item(structuredClone(plot.layout.item), figure))];
    if (isOver()) return clear(made);
    root = made;
    const slot = (source) => Number(source.name.split(" ")[1]);
    // Of a line, Bokeh finds the point above or below the mouse, however far: only what is near counts.
    named("hover").tooltips = (source, { index, sy, snap_sy }) =>
      plot.layout.sorted && Math.abs(sy - snap_sy) > NEAR ? null : tip(plot, source.data, index, slot(source));
    fill();
  }

  const named = (name) => root.model.document.get_model_by_name(name);

  const none = { x: [], y: [] };

  function show(slot, data) {
    const few = named(`few ${slot}`);
    named(`source ${slot}`).data = data;
    if (few && (data.x.length <= FEW_POINTS || few.data.x.length)) few.data = data.x.length <= FEW_POINTS ? data : none;
    for (const kind of ["line", "dots"]) {
      const renderer = named(`${kind} ${slot}`);
      if (renderer) renderer.visible = !hidden.has(slot);
    }
  }

  function fill() {
    const { kind } = plot.layout;
    if (kind === "spans") {
      const [left, right, y] = plot.columns;
      named("source 0").data = { left, right, y };
    } else if (kind === "bars") {
      const { factors, labels } = plot;
      const long = factors.reduce((sum, name) => sum + labels[name].length, 0) > 70;
      named("names").setv({ major_label_overrides: new Map(Object.entries(labels)), major_label_orientation: long ? 0.9 : "horizontal" });
      named("factors").factors = factors;
      named("source 0").data = { x: factors, y: plot.columns[0] };
    } else {
      const found = points(plot.columns, plot.layout, plot.names.map(([slot]) => slot));
      for (const [slot, data] of found) show(slot, data);
      const gone = (slot) => !plot.names.some(([other]) => other === slot);
      for (let slot = 0; named(`source ${slot}`); slot++)
        if (gone(slot) && named(`source ${slot}`).data.x.length) show(slot, none);
    }
    if (legend.names !== plot.names) list();
  }

  function list() {
    legend.names = plot.names;
    legend.style.maxHeight = `${plot.layout.height - 60}px`;
    const buttons = plot.layout.many ? plot.names : [];
    legend.replaceChildren(...buttons.map(([slot, name, colour]) => {
      const button = element("button", "", name);
      button.title = name;
      button.style.setProperty("--colour", colour);
      button.setAttribute("aria-pressed", !hidden.has(slot));
      button.onclick = () => {
        hidden.delete(slot) || hidden.add(slot);
        legend.names = null;
        fill();
      };
      return button;
    }));
  }

  return {
    draw: () => (embedded !== plot.layout.number ? embed() : root && fill()),
    see(visible) {
      if (root) root.model.hold_render = !visible; // off the screen it has its data, and is not painted
    },
    picture() {
      if (!(root?.bbox.width > 50)) return null;
      const held = root.model.hold_render;
      root.model.hold_render = false;
      root.paint(); // its ranges follow the data when it is painted
      const found = picture(root.export("png", false).canvas, legend, plot);
      root.model.hold_render = held;
      return found;
    },
    remove() {
      view.removed = true;
      clear(root);
    },
  };
}

// The figure as a data URL, with the names of its series, which are no part of its canvas.
function picture(canvas, legend, plot) {
  const names = legend.children.length ? plot.names.slice(0, Math.floor((canvas.height - 40) / 18)) : [];
  const out = Object.assign(element("canvas"), { width: canvas.width + (names.length && 170), height: canvas.height });
  const pen = out.getContext("2d");
  pen.drawImage(canvas, 0, 0);
  pen.font = "12px sans-serif";
  names.forEach(([, name, colour], n) => {
    const rest = plot.names.length - n;
    const text = n === names.length - 1 && rest > 1 ? `and ${rest} more` : name.length > 22 ? `${name.slice(0, 21)}…` : name;
    pen.fillStyle = colour;
    pen.fillRect(canvas.width + 4, 38 + 18 * n, 16, 3);
    pen.fillStyle = "#8a8a8a";
    pen.fillText(text, canvas.width + 26, 44 + 18 * n);
  });
  return out.toDataURL("image/png");
}

// ---- tables, lists, numbers -----------------------------------------------------------------------------------------

const row = (cells, tag) => {
  const line = element("tr");
  line.append(...cells.map((cell) => element(tag, "", cell)));
  return line;
};

const bodies = {
  table({ head, rows }) {
    const [table, thead, tbody] = [element("table"), element("thead"), element("tbody")];
    thead.append(row(head, "th"));
    tbody.append(...rows.map((cells) => row(cells, "td")));
    table.append(thead, tbody);
    return table;
  },
  list({ rows }) {
    const list = element("ol");
    list.append(...rows.map((text) => element("li", "", text)));
    return list;
  },
  metric({ text, line }) {
    const box = element("div", "kit-metric");
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    const set = (node, attributes) => Object.entries(attributes).forEach((pair) => node.setAttribute(...pair));
    set(svg, { width: 160, height: 36, viewBox: "-2 -2 164 36" });
    set(path, { points: line, fill: "none", stroke: "#0072B2", "stroke-width": 1.5 });
    svg.append(path);
    box.append(element("span", "", text), svg);
    return box;
  },
};

function written(box, plot) {
  const scroll = element("div", "kit-scroll");
  box.className = "kit-plot";
  box.replaceChildren(...(plot.layout.title ? [element("b", "", plot.layout.title)] : []), scroll);
  return {
    draw() {
      scroll.replaceChildren(bodies[plot.layout.kind](plot.body));
      return scroll.offsetHeight; // so that the browser lays it out now, and its cost is seen
    },
    picture: () => null,
    remove: () => {},
  };
}

// ---- the widget -----------------------------------------------------------------------------------------------------

export default () => {
  const plot = { columns: [], names: [], seq: -1 };
  const views = new Set();
  let [model, live, asked, clicked, quiet, kept] = [null, true, -Infinity, null, 0, 0];

  const send = (message) => live && model.send(message);

  function ask() {
    if (plot.seq >= 0 || performance.now() - asked < ASK_AGAIN_MS / 3) return;
    asked = performance.now();
    send({ kind: "everything" });
    setTimeout(ask, ASK_AGAIN_MS);
  }

  function receive(message, buffers) {
    if (message.kind === "bokehjs") load(message.version, buffers[0]);
    if (message.kind === "csv" && message.number === clicked) download(plot.layout.title ?? "", buffers[0]);
    if (message.kind !== "draw") return;
    if (!message.all && message.seq !== plot.seq + 1) {
      plot.seq = -1;
      ask();
      return;
    }
    const { layout, names, unit, factors, labels, note, seq } = message;
    Object.assign(plot, { seq, note, layout: layout ?? plot.layout, names: names ?? plot.names });
    if (!plot.layout) plot.seq = -1;
    if ("all" in message) {
      Object.assign(plot, { unit, factors, labels, body: message });
      const fresh = buffers.map(floats);
      plot.columns = plot.layout.kind === "series" ? joined(message.all ? [] : plot.columns, fresh, message) : fresh;
    }
    for (const view of views) soon(view);
    clearTimeout(quiet);
    quiet = setTimeout(keep, QUIET_MS);
    if (performance.now() - kept > KEPT_MS) keep();
  }

  // Put the picture into the model, and do not send it: a notebook is saved with the models of its page.
  function keep() {
    clearTimeout(quiet);
    kept = performance.now();
    const pictures = [...views].filter((view) => !shared.waiting.has(view)).map((view) => view.picture());
    const { layout, note } = plot;
    if (pictures.some(Boolean)) model.set("_still", { picture: pictures.find(Boolean), note });
    else if (layout?.kind in bodies) model.set("_still", { layout, note, body: plot.body });
    else if (views.size) quiet = setTimeout(keep, QUIET_MS); // its figure is not made yet
  }

  // What was kept, in a notebook without its kernel.
  function still(box) {
    const { picture: source, layout, body } = model.get("_still");
    if (source) box.replaceChildren(Object.assign(element("img"), { src: source }));
    else if (body) written(box, { layout, body }).draw();
    return model.get("_still").note;
  }

  function render({ el }) {
    const [box, foot, note, csv] = [element("div", "kit-plot"), element("div", "kit-foot"), element("span", "kit-note"), element("button", "kit-csv", "DownloadCsv")];
    let drawing = null;
    let noted = null;
    const say = ({ text, failed }) => {
      noted = null;
      if (note.textContent !== text) note.textContent = text;
      note.classList.toggle("kit-failed", failed);
    };
    const view = { visible: true, drawn: -Infinity, cost: 0, picture: () => drawing?.picture() };
    view.draw = () => {
      if (!plot.layout) return;
      drawing ??= (plot.layout.kind in bodies ? written : chart)(box, plot, send);
      drawing.draw();
      view.cost = performance.now() - view.drawn;
      noted ??= setTimeout(() => say(plot.note), NOTE_MS); // seldom: a change of text has the whole page laid out
      if (csv.hidden === live) csv.hidden = !live;
    };
    csv.hidden = true;
    csv.onclick = () => send({ kind: "csv", number: (clicked = Math.random()) });
    foot.append(note, csv);
    el.append(box, foot);
    const seen = new IntersectionObserver((entries) => {
      view.visible = entries.at(-1).isIntersecting;
      drawing?.see?.(view.visible);
    });
    seen.observe(el);
    views.add(view);
    const before = plot.layout ? null : still(box);
    if (before) say(before);
    const nothing = { text: "Nothing was kept of this plot: run its cell to see it.", failed: false };
    const waiting = setTimeout(() => plot.layout || before || say(nothing), 2 * ASK_AGAIN_MS);
    plot.seq < 0 ? ask() : soon(view);
    return () => {
      clearTimeout(waiting);
      clearTimeout(noted);
      seen.disconnect();
      views.delete(view);
      shared.waiting.delete(view);
      drawing?.remove();
    };
  }

  return {
    initialize({ model: own }) {
      model = own;
      model.on("msg:custom", receive);
      model.on("comm_live_update", () => (live = false)); // the kernel has been restarted, or is gone
    },
    render,
  };
};
