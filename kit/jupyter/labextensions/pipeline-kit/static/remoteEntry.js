// A JupyterLab extension without a build: what webpack's module federation asks for, by hand.
// It loads BokehJS from the kit's server extension before any notebook is shown. Without it, jupyter_bokeh has
// nothing to draw with until a cell has called `output_notebook`, and a page that is reloaded shows errors.
(function () {
  const SCRIPTS = ["bokeh.min.js", "bokeh-widgets.min.js", "bokeh-tables.min.js"];

  function load(url) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = url;
      script.onload = resolve;
      script.onerror = () => reject(new Error(`pipeline-kit: ${url} cannot be loaded`));
      document.head.appendChild(script);
    });
  }

  async function activate() {
    if (window.Bokeh) return;
    const page = JSON.parse(document.getElementById("jupyter-config-data").textContent);
    for (const name of SCRIPTS) {
      await load(`${page.baseUrl}kit/bokeh/${name}`);
    }
  }

  const plugin = { id: "pipeline-kit:bokeh", autoStart: true, activate };
  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["pipeline-kit"] = {
    init() {},
    get() {
      return Promise.resolve(() => ({ __esModule: true, default: plugin }));
    },
  };
})();
