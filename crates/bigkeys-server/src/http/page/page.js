
"use strict";
{
  const $ = id => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";
  const count = n => n === null || n === undefined ? "" : n.toLocaleString("en");
  const bytes = n => {
    if (n === null || n === undefined) return "";
    const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let at = 0;
    while (n >= 1024 && at + 1 < units.length) { n /= 1024; at += 1; }
    return `${at === 0 ? n : n.toFixed(2)} ${units[at]}`;
  };
  const time = text => text ? text.replace("T", " ").replace(/\.\d+Z$/, "") : "";
  let chosen = null, timer = null, urls = [], reports = 0;

  // Everything shown goes through text nodes: names of keys are anybody's bytes.
  const element = (tag, attributes, ...content) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...content);
    return made;
  };
  const button = (text, action) => {
    const made = element("button", { type: "button" }, text);
    made.addEventListener("click", action);
    return made;
  };
  // A row of a table. On a phone each cell has the head of its column before it.
  const fill = (table, rows) => {
    const heads = [...table.tHead.rows[0].cells];
    table.tBodies[0].replaceChildren(...rows.map(({ cells, current }) => {
      const row = element("tr", current ? { "aria-current": "true" } : {});
      cells.forEach((content, column) => {
        const cell = element("td", { "data-label": heads[column].querySelector(".hidden") ? "" : heads[column].textContent });
        if (heads[column].className) cell.className = heads[column].className;
        cell.append(...[content].flat());
        if (column === 0) cell.classList.add("name");
        row.append(cell);
      });
      return row;
    }));
  };

  const request = async (method, path) => {
    const token = $("token").value;
    const answer = await fetch(path, { method, headers: token ? { "X-Auth-Token": token } : {} });
    if (answer.ok) return answer;
    const { error_code, error_msg } = await answer.json();
    throw new Error(`${error_code}: ${error_msg}`);
  };
  const ask = async (method, path) => (await request(method, path)).json();

  // What the user starts. Its error stays until the user starts something else.
  const start = action => async () => {
    $("message").textContent = "";
    try { await action(); } catch (error) { $("message").textContent = error.message; }
  };
  // What is repeated by itself. Its error stays until a repetition succeeds.
  let tokens = 0;
  const repeat = action => async () => {
    const token = tokens;
    let message = "";
    try { await action(); } catch (error) { message = error.message; }
    // An answer to an earlier token says nothing of this one.
    if (token === tokens) $("offline").textContent = message;
  };
  // Whether an answer is another one than the last of its kind. Rows that stay keep the focus.
  const last = new Map();
  const isNew = (kind, answer) => {
    const text = JSON.stringify(answer);
    if (last.get(kind) === text) return false;
    last.set(kind, text);
    return true;
  };

  // `asked` is the number of the last request. Answers to requests with a lower number than `oldest` are dropped.
  let asked = 0, oldest = 0;
  const showInstances = repeat(async () => {
    const number = ++asked;
    let instances;
    try {
      ({ instances } = await ask("GET", "/api/v1/instances"));
    } catch (error) {
      // The next list of tasks asks again.
      last.delete("ended");
      throw error;
    }
    if (number < oldest) return;
    oldest = number;
    if (!isNew("instances", [instances, chosen && chosen.id])) return;
    fill($("instances"), instances.map(instance => {
      const last = instance.last_result, summary = (last && last.summary) || {};
      const nodes = instance.kind === "cluster" ? `, ${count(instance.nodes.length)} shards` : "";
      const prefixes = (summary.prefixes || []).map(row => element("div", {}, `${row.prefix} ${bytes(row.bytes)}`));
      return {
        current: chosen !== null && chosen.id === instance.id,
        cells: [
          [instance.name, element("div", { class: "note" }, `${instance.id}${nodes}`)],
          last ? time(last.finished_at) : "none",
          count(summary.keys), bytes(summary.memory_bytes), bytes(summary.rdb_bytes),
          prefixes.length ? element("div", { class: "prefixes" }, ...prefixes) : "",
          button("Tasks", () => { chosen = instance; reports += 1; $("result").hidden = true; showInstances(); showTasks(); }),
        ],
      };
    }));
  });

  // A line over the successful analyses, oldest first.
  const line = (title, values, text) => {
    const highest = Math.max(...values, 1), last = values.length - 1;
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 100 100");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `${title} over time; the figures are in the table below`);
    const path = document.createElementNS(SVG, "polyline");
    path.setAttribute("points", values.map((value, at) => `${100 * at / last},${98 - 94 * value / highest}`).join(" "));
    svg.append(path);
    return element("figure", {}, element("figcaption", {}, `${title}: from ${text(values[0])} to ${text(values[last])}`), svg);
  };
  const showTrend = tasks => {
    const known = tasks.filter(task => task.summary).reverse();
    $("trend").hidden = known.length < 2;
    if (known.length < 2) return;
    const hasMemory = known.every(task => task.summary.memory_bytes !== null);
    const weight = task => hasMemory ? task.summary.memory_bytes : task.summary.rdb_bytes;
    $("trend").replaceChildren(
      line(hasMemory ? "In memory" : "In the file", known.map(weight), bytes),
      line("Keys", known.map(task => task.summary.keys), count),
    );
  };

  let running = false;
  const showTasks = async () => {
    clearTimeout(timer);
    if (!chosen) return;
    const instance = chosen;
    $("chosen").hidden = false;
    $("chosen-name").textContent = instance.name;
    await repeat(async () => {
      const { tasks } = await ask("GET", `/api/v1/instances/${instance.id}/tasks`);
      // The user may have chosen another instance meanwhile.
      if (chosen === instance) listTasks(instance, tasks);
    })();
    clearTimeout(timer);
    if (chosen === instance) timer = setTimeout(showTasks, running ? 500 : 5000);
  };

  const listTasks = (instance, tasks) => {
    const unfinished = new Set(tasks.filter(task => !task.finished_at).map(task => task.id));
    running = unfinished.size > 0;
    // An analysis may end before it is listed as running, so the ended ones are compared.
    const ended = tasks.filter(task => task.finished_at).map(task => task.id);
    if (isNew("ended", [instance.id, ended])) showInstances();
    if (!isNew("tasks", [instance.id, tasks])) return;
    $("start").disabled = tasks.some(task => task.family === "bigkeys" && unfinished.has(task.id));
    showTrend(tasks);
    fill($("tasks"), tasks.map(task => {
      const summary = task.summary || {};
      let state = task.status;
      if (task.progress) {
        const { bytes: read, total_bytes: total, keys } = task.progress;
        state = [element("progress", { max: total || 1, value: read, "aria-label": "Progress" }), ` ${count(keys)} keys`];
      } else if (task.failure) state = element("span", { class: "failed" }, `failed: ${task.failure}`);
      let action = "";
      if (!task.finished_at) action = button("Cancel", start(async () => { await ask("POST", `/api/v1/tasks/${task.id}/cancel`); await showTasks(); }));
      else if (task.family === "bigkeys") action = button("Report", start(() => showReport(instance, task)));
      return {
        cells: [
          time(task.created_at), task.family, task.caller ? `${task.scan_type}, ${task.caller}` : task.scan_type, state,
          task.status === "success" ? count(task.num) : "", count(summary.keys), bytes(summary.memory_bytes), bytes(summary.rdb_bytes), action,
        ],
      };
    }));
  };

  // The report is a page of its own, which this page embeds without access to the token.
  const showReport = async (instance, task) => {
    const report = ++reports;
    // A task of an earlier version has no page.
    const get = async name => (await request("GET", `/api/v1/tasks/${task.id}/${name}`)).blob();
    const [page, json] = await Promise.allSettled([get("report.html"), get("report")]);
    // The user may have asked for another report meanwhile.
    if (report !== reports) return;
    if (json.status === "rejected") throw json.reason;
    urls.filter(Boolean).forEach(url => URL.revokeObjectURL(url));
    urls = [page, json].map(({ value }) => value ? URL.createObjectURL(value) : null);
    const of = `${instance.name}, ${time(task.created_at)}`;
    $("result-title").textContent = task.failure ? `Partial result of a failed analysis: ${of}` : `Report: ${of}`;
    $("failure").textContent = task.failure || "";
    [["save-page", "html"], ["save-json", "json"]].forEach(([id, extension], at) => {
      $(id).hidden = urls[at] === null;
      if (urls[at] === null) return;
      $(id).href = urls[at];
      $(id).download = `bigkeys-${task.id}.${extension}`;
    });
    $("report").hidden = urls[0] === null;
    if (urls[0]) $("report").src = urls[0];
    $("result").hidden = false;
    $("result-title").focus();
    $("result").scrollIntoView();
    if (page.status === "rejected") throw page.reason;
  };

  $("start").addEventListener("click", start(async () => { await ask("POST", `/api/v1/instances/${chosen.id}/tasks`); await showTasks(); }));
  $("token").addEventListener("change", start(async () => {
    // What another token has shown is not for this one.
    chosen = null;
    oldest = asked + 1;
    tokens += 1;
    reports += 1;
    last.clear();
    running = false;
    for (const id of ["instances", "tasks"]) fill($(id), []);
    for (const id of ["chosen", "result"]) $(id).hidden = true;
    await showInstances();
  }));
  showInstances();
}
