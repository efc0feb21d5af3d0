// The page's half of a plot. The kernel sends numbered messages with what is new: columns for the sources of a Bokeh
// figure, or HTML whose texts it has escaped. A page that opens, or misses a number, asks for everything.

const [ASK_AGAIN_MS, ASK_BOKEH_AGAIN_MS] = [1000, 3000];
const VIEW = "application/vnd.jupyter.widget-view+json";

// What all plots of a page share: when BokehJS of each version was asked for, and which drawings wait.
const page = (globalThis[Symbol.for("kit.plots")] ??= { asked: {}, waiting: new Set(), busy: false });

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const element = (tag, className, more) => Object.assign(document.createElement(tag), { className, ...more });
const number = (value) => value.toLocaleString("en", { maximumSignificantDigits: 7 });
const loaded = (version) => (window.Bokeh?.version === version ? window.Bokeh : window.Bokeh?.[version]);

async function load(version, zipped) {
  if (loaded(version) || page.asked[version] === Infinity) return; // two kernels have answered
  page.asked[version] = Infinity;
  const plain = new Blob([zipped]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = new Blob([await new Response(plain).blob()], { type: "text/javascript" });
  document.head.append(element("script", "", { src: URL.createObjectURL(script) }));
}

// The first change is drawn at once; then all that wait, when the browser has painted, and had time for others.
async function soon(draw) {
  page.waiting.add(draw);
  for (; page.waiting.size && !page.busy; page.busy = false) {
    const began = performance.now();
    page.busy = true;
    for (const one of page.waiting) queueMicrotask(one);
    page.waiting.clear();
    await new Promise(requestAnimationFrame);
    await pause(0); // BokehJS paints in this frame, after us
    const took = performance.now() - began;
    await pause(took > 40 ? took / 2 : 0);
  }
}

// The last `keep` values of those before, and the fresh ones.
function joined(before, keep, fresh) {
  const out = new Float64Array(keep + fresh.byteLength / 8);
  if (keep) out.set(before.subarray(before.length - keep));
  new Uint8Array(out.buffer, 8 * keep).set(new Uint8Array(fresh.buffer, fresh.byteOffset, fresh.byteLength));
  return out;
}

function instant(milliseconds, digits) {
  const whole = Math.floor(milliseconds);
  const micro = String(Math.min(999, Math.round((milliseconds - whole) * 1000))).padStart(3, "0");
  const text = new Date(whole).toISOString().replace("T", " ").replace("Z", micro);
  return text.slice(0, digits) + (digits === 10 ? "" : " UTC"); // a day has no zone
}

// What is under the mouse.
function tip({ layout, digits, names }, { name, data }, row) {
  const x = data.left ? `${number(data.left[row])} to ${number(data.right[row])}` : data.x[row];
  const at = typeof x === "string" ? x : digits ? instant(x, digits) : number(x);
  const lines = [at, number(data.y[row])].map((text, n) => `${layout.labels[n]}: ${text}`);
  const box = element("div", "kit-tip", { style: "max-width: 360px; overflow-wrap: anywhere; font-size: 12px" });
  const textContent = names.find(([slot]) => name === `source ${slot}`)?.[1];
  if (layout.many) box.append(element("b", "", { textContent }));
  box.append(...lines.map((textContent) => element("div", "", { textContent })));
  return box;
}

// A chart in one view: the figure, and beside it the names of its series.
function chart(box, plot, send) {
  const { bokeh, item, height, many } = plot.layout;
  const style = `max-height: ${height - 60}px`;
  const [figure, legend] = [element("div", "kit-figure"), element("div", "kit-legend", { style })];
  let [root, gone, names, tipped] = [null, false, [], null]; // the figure's view, whether it is over, what is shown
  const named = (name) => root.model.document.get_model_by_name(name);
  async function embed() {
    for (; !gone && !(loaded(bokeh) && figure.isConnected); await pause(30)) { // BokehJS measures the page
      if (loaded(bokeh) || performance.now() - page.asked[bokeh] < ASK_BOKEH_AGAIN_MS) continue;
      page.asked[bokeh] = performance.now(); // when no answer comes, because this chart is closed, another asks
      send({ kind: "bokehjs" });
    }
    [root] = gone ? [null] : await loaded(bokeh).embed.embed_item(structuredClone(item), figure);
    if (gone) return remove();
    // Of a line, Bokeh finds the point above or below the mouse, however far, and one between two pieces twice.
    named("hover").tooltips = (source, { index, sy, snap_sy }) => {
      const far = plot.lines && Math.abs(sy - snap_sy) > (names.length > 8 ? 4 : 12);
      const again = tipped === (tipped = `${source.name} ${index}`);
      queueMicrotask(() => (tipped = null));
      return far || again ? null : tip(plot, source, index);
    };
    // Off the screen it has its data, and is not painted.
    new IntersectionObserver((seen) => root.model.setv({ hold_render: !seen.at(-1).isIntersecting })).observe(figure);
    draw();
  }
  function draw() {
    if (!root) return;
    for (const [name, properties] of Object.entries(plot.set)) named(name).setv(properties);
    for (const [name, data] of Object.entries(plot.sources)) if (named(name).data !== data) named(name).data = data;
    if (!many || names === plot.names) return;
    names = plot.names;
    const toButton = ([slot, name, colour]) => {
      const line = named(`line ${slot}`);
      const button = element("button", "", { textContent: name, title: name, ariaPressed: line.visible });
      button.onclick = () => (button.ariaPressed = line.visible = !line.visible);
      button.style.setProperty("--line", `${line.glyph.line_dash?.length ? "dashed" : "solid"} ${colour}`);
      return button;
    };
    legend.replaceChildren(...names.map(toButton));
  }
  function picture() {
    if (!(root?.bbox.width > 50)) return null;
    const { hold_render } = root.model;
    root.model.hold_render = false;
    root.paint(); // its ranges follow the data when it is painted
    const { canvas, canvas: { width, height } } = root.export("png", false); // has no note and no names of series
    const out = element("canvas", "", { width: width + (names.length && 170), height: height + 20 });
    const pen = Object.assign(out.getContext("2d"), { font: "12px sans-serif", fillStyle: "#8a8a8a" });
    const most = Math.floor(height / 18) - 3;
    pen.drawImage(canvas, 0, 0);
    pen.fillText(plot.note.text, 4, height + 14);
    for (const [n, [, name, colour]] of names.slice(0, most + 1).entries()) {
      pen.fillStyle = colour;
      pen.fillText(n === most ? `and ${names.length - n} more` : name.slice(0, 24), width + 6, 44 + 18 * n);
    }
    root.model.hold_render = hold_render;
    return { "image/png": out.toDataURL("image/png").split(",")[1] };
  }
  function remove() {
    gone = true;
    if (!root) return;
    const { document } = root.model;
    document.clear(); // this takes the figure out of the page
    window.Bokeh.documents.splice(window.Bokeh.documents.indexOf(document), 1);
  }
  box.className = "kit-plot kit-chart";
  box.replaceChildren(figure, legend);
  embed();
  return { draw, picture, remove };
}

// What is read: a table, a list, a number.
function written(box, plot) {
  const [title, scroll] = [element("b", "", { textContent: plot.layout.title }), element("div", "kit-scroll")];
  box.replaceChildren(title, scroll);
  const picture = () => ({ "text/html": box.outerHTML + element("i", "", { textContent: plot.note.text }).outerHTML });
  return { draw: () => (scroll.innerHTML = plot.html), picture, remove: () => {} };
}

// JupyterLab writes into the file, in place of the live plot, its last picture, which every reader shows. The page goes
// on with the live plot, and a page that opens the file while the kernel runs makes it live again.
function attend(manager, id, picture) {
  const context = manager?.context; // of JupyterLab and Notebook 7
  const holders = new Set([id]); // the plot, and the boxes that hold it
  const each = (act) => {
    for (const cell of context?.saveState ? context.model.cells : []) // other front ends keep what they like
      for (let n = 0; n < (cell.outputs?.length ?? 0); n++) act(cell.outputs.get(n).toJSON(), n, cell);
  };
  const save = (_, state) => {
    each((json, n, { sharedModel }) => {
      const { [VIEW]: view, "text/html": line, ...data } = json.data ?? {};
      if (!holders.has(view?.model_id)) return;
      const still = { ...data, ...(picture() ?? (line && { "text/html": line })) };
      const saved = { ...json, data: still, metadata: { ...json.metadata, kit: { id, view } } };
      sharedModel.updateOutputs(n, n + 1, [state === "started" ? saved : json], "silent-change"); // no view follows it
    });
    if (state === "completed") context.model.dirty = false;
  };
  const revive = async ({ data, metadata }, n, { outputs }) => {
    const view = metadata?.kit?.id === id && !data[VIEW] && metadata.kit.view;
    if (view && !manager.has_model(view.model_id)) await pause(2000); // a box comes after what is in it
    if (!view || !(await manager.get_model(view.model_id)).comm_live) return;
    outputs.get(n).setData({ data: { ...data, [VIEW]: view }, metadata });
  };
  const within = (one) => (one.get ? [...(one.get("children") ?? []), ...(one.get("outputs") ?? [])] : []);
  const isIn = (one) => [one.model_id, one.data?.[VIEW]?.model_id].includes(id) || within(one).some(isIn);
  const find = async ({ data }) => {
    const root = manager.has_model(data?.[VIEW]?.model_id) && (await manager.get_model(data[VIEW].model_id));
    if (root && isIn(root)) holders.add(root.model_id);
  };
  context?.ready?.then(() => each(revive));
  context?.saveState?.connect(save);
  return { look: () => each(find), end: () => context?.saveState?.disconnect(save) };
}

export default () => {
  const plot = { seq: -1, names: [], sources: {}, set: {} };
  const views = new Set();
  let [model, live, last, clicked, notebook] = [null, true, -Infinity, 0, null];
  const send = (message) => live && model.send(message);
  function ask() {
    if (plot.seq >= 0 || performance.now() - last < ASK_AGAIN_MS / 2) return;
    last = performance.now();
    send({ kind: "everything" });
    setTimeout(ask, ASK_AGAIN_MS);
  }
  function receive({ kind, parts = [], ...message }, buffers) {
    if (kind === "bokehjs") load(message.version, buffers[0]);
    if (kind === "csv" && message.number === clicked) {
      const href = URL.createObjectURL(new Blob(buffers, { type: "text/csv" }));
      element("a", "", { href, download: `${plot.layout.title || "plot"}.csv` }).click();
    }
    if (kind !== "draw") return;
    const isNext = message.layout || message.seq === plot.seq + 1;
    Object.assign(plot, isNext ? message : { seq: -1 }, message.layout && { sources: {} });
    if (!isNext) return ask();
    for (const [name, keep, columns] of parts) {
      const data = columns.map((column) => [column, joined(plot.sources[name]?.[column], keep, buffers.shift())]);
      plot.sources[name] = { ...Object.fromEntries(data), ...message.texts };
    }
    for (const view of views) soon(view.draw);
  }
  function render({ el }) {
    const [box, foot] = [element("div", "kit-plot"), element("div", "kit-foot")];
    const note = element("span", "kit-note", { textContent: "Waiting for the kernel: run the cell, if this stays." });
    const onclick = () => send({ kind: "csv", number: (clicked = Math.random()) });
    let drawing = null; // of the layout that has its number
    foot.append(note, element("button", "kit-csv", { textContent: "Download CSV", onclick }));
    el.append(box, foot);
    function draw() {
      if (note.textContent !== plot.note.text) note.textContent = plot.note.text;
      note.classList.toggle("kit-failed", plot.note.failed);
      if (plot.layout && drawing?.number !== plot.layout.number) {
        drawing?.remove();
        drawing = { number: plot.layout.number, ...(plot.layout.item ? chart : written)(box, plot, send) };
      }
      drawing?.draw();
    }
    const view = { draw, picture: () => drawing?.picture() };
    views.add(view);
    notebook.look();
    (plot.seq < 0 ? ask : draw)();
    return () => {
      page.waiting.delete(draw);
      views.delete(view);
      drawing?.remove();
    };
  }
  function initialize(widget) {
    ({ model } = widget);
    model.on("msg:custom", receive);
    model.on("comm_live_update", () => (live = false)); // the kernel has been restarted, or is gone
    notebook = attend(model.widget_manager, model.get("_id"), () => [...views].map((one) => one.picture()).find(Boolean));
    return notebook.end;
  }
  return { initialize, render };
};
