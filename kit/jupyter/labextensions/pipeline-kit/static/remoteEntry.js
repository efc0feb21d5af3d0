// A JupyterLab extension without a build: what webpack's module federation asks for, by hand.
//
// It loads BokehJS from the kit's server extension before any notebook is shown. Without it, jupyter_bokeh has nothing
// to draw with until a cell has called `output_notebook`, and a page that is reloaded shows errors.
//
// It lets many live plots draw in turns. And it mends two things in Jupyter's widgets that a slow browser, or a restart
// at the wrong moment, would show.
(function () {
  const SCRIPTS = ["bokeh.min.js", "bokeh-widgets.min.js", "bokeh-tables.min.js"];
  let scope = {}; // of the packages that JupyterLab's extensions share: name -> version -> {get}

  function load(url) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = url;
      script.onload = resolve;
      script.onerror = () => reject(new Error(`pipeline-kit: ${url} cannot be loaded`));
      document.head.appendChild(script);
    });
  }

  // Every version of a shared package that is there.
  function shared(name) {
    return Promise.all(Object.values(scope[name] ?? {}).map(async ({ get }) => (await get())()));
  }

  // A page that opens waits two seconds for the model of a widget. Where it is busy drawing others, the time is up
  // before it has looked again, and "model not found" stays for good. So: look once more.
  function lookOnceMore(manager) {
    const find = manager.get_model;
    manager.get_model = function (id) {
      return find.call(this, id).catch((error) => {
        if (this.has_model(id)) return find.call(this, id);
        throw error;
      });
    };
  }

  // A widget whose kernel restarts has nobody to tell anything, and need not complain of that.
  function keepQuietWithoutKernel(model) {
    const send = model.send;
    model.send = function (...message) {
      if (this.comm_live) send.apply(this, message);
    };
  }

  // Many live plots can keep a browser so busy with drawing that it does nothing else. Each publication of a plot of
  // the kit replaces what the one before has said; so what has come for one waits its turn, the newest value of each
  // property, and between two turns the rest of the page has its own.
  function drawInTurns(Document) {
    const apply = Document.prototype.apply_json_patch;
    const waiting = new Map(); // document -> model and property -> event
    let busy = false;

    function drawNext() {
      busy = waiting.size > 0;
      if (!busy) return;
      const began = performance.now();
      const [document, events] = waiting.entries().next().value;
      waiting.delete(document);
      const drawn = () => setTimeout(drawNext, Math.min(performance.now() - began, 50));
      requestAnimationFrame(() => setTimeout(drawn, 0)); // once BokehJS has painted
      if (document.roots().length) apply.call(document, { events: [...events.values()] }, new Map()); // else it is gone
    }

    Document.prototype.apply_json_patch = function (patch, buffers) {
      if (!this.kit_live || buffers?.size) return apply.call(this, patch, buffers);
      if (!waiting.has(this)) waiting.set(this, new Map());
      for (const event of patch.events) waiting.get(this).set(`${event.model.id} ${event.attr}`, event);
      if (!busy) drawNext();
    };
  }

  async function activate() {
    for (const { ManagerBase } of await shared("@jupyter-widgets/base-manager")) lookOnceMore(ManagerBase.prototype);
    for (const { WidgetModel } of await shared("@jupyter-widgets/base")) keepQuietWithoutKernel(WidgetModel.prototype);
    const page = JSON.parse(document.getElementById("jupyter-config-data").textContent);
    for (const name of window.Bokeh ? [] : SCRIPTS) {
      await load(`${page.baseUrl}kit/bokeh/${name}`);
    }
    drawInTurns(window.Bokeh.require("document").Document);
  }

  const plugin = { id: "pipeline-kit:plots", autoStart: true, activate };
  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["pipeline-kit"] = {
    init(sharedPackages) {
      scope = sharedPackages;
    },
    get() {
      return Promise.resolve(() => ({ __esModule: true, default: plugin }));
    },
  };
})();
