"use strict";
(function () {
  const show = (id, text) => { document.getElementById(id).textContent = text; };
  let polls = 0;

  // The reason stands in the JSON body; a challenge without one still names its scheme.
  async function reason(response) {
    if (response.ok) return "–";
    try {
      const body = await response.clone().json();
      if (body.error) return String(body.error);
    } catch { /* not JSON: the header has to do */ }
    return response.headers.get("WWW-Authenticate") || "none given";
  }

  async function poll() {
    polls += 1;
    try {
      const response = await fetch("/api/data/v9.2/WhoAmI", { headers: { Accept: "application/json" } });
      show("status", response.status + " " + response.statusText);
      show("reason", await reason(response));
      document.getElementById("dot").className = response.ok ? "dot good" : "dot bad";
    } catch (error) {
      show("status", "no answer");
      show("reason", String(error.message));
      document.getElementById("dot").className = "dot bad";
    }
    show("polls", String(polls));
    window.setTimeout(poll, 2000);
  }

  show("name", GetGlobalContext().userSettings.userName || "nobody");
  poll();
})();
