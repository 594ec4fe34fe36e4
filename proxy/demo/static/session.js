"use strict";
(function () {
  const show = (id, text) => { document.getElementById(id).textContent = text; };
  const clock = (seconds) => {
    if (seconds == null) return "no limit";
    const whole = Math.max(0, Math.ceil(seconds));
    return Math.floor(whole / 60) + ":" + String(whole % 60).padStart(2, "0");
  };
  const warning = (seconds) => {
    if (seconds == null) return "";
    return seconds > 0 ? "warning in " + clock(seconds) : "warning now";
  };
  let reports = 0, said = [];

  function tell(text) {
    said = [new Date().toLocaleTimeString() + " " + text, ...said].slice(0, 3);
    show("events", said.join(" · "));
  }

  async function look() {
    try {
      const answer = await fetch("/.claims/session", { cache: "no-store" });
      const told = await answer.json();
      const live = told.state === "live";
      document.getElementById("dot").className = live ? "dot good" : "dot bad";
      show("state", live ? "live; would end by " + told.reason : told.state + ": " + told.reason);
      show("inactivity", live ? clock(told.inactivity_ends_in) : "ended");
      show("inactivity-warning", live ? warning(told.inactivity_warning_in) : "");
      show("session", live ? clock(told.session_ends_in) : "ended");
      show("session-warning", live ? warning(told.session_warning_in) : "");
    } catch {
      document.getElementById("dot").className = "dot";
      show("state", "the proxy does not answer");
    }
    window.setTimeout(look, 1000);
  }

  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (!entry.name.endsWith("/.claims/activity")) continue;
      show("reports", String(++reports));
      show("reported", ", last at " + new Date().toLocaleTimeString());
    }
  }).observe({ type: "resource", buffered: true });

  // The page's own stream, to show what comes; the script of the proxy has one per browser.
  const stream = new EventSource("/.claims/events");
  for (const type of ["ended", "changed"]) {
    stream.addEventListener(type, (event) => {
      tell(type + " " + (JSON.parse(event.data).reason || ""));
      if (type === "ended") stream.close();
    });
  }

  look();
})();
