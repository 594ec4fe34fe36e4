"use strict";
(function () {
  const byId = (id) => document.getElementById(id);
  const money = new Intl.NumberFormat("en", { style: "currency", currency: "EUR", maximumFractionDigits: 0 });
  const columns = [
    (account) => account.name,
    (account) => account.primarycontactname,
    (account) => account.address1_city,
    (account) => account.telephone1,
    (account) => money.format(account.revenue),
  ];

  function row(account) {
    const line = document.createElement("tr");
    columns.forEach((column, index) => {
      const cell = document.createElement("td");
      cell.textContent = column(account);
      if (index === 0) cell.className = "first";
      if (index === columns.length - 1) cell.className = "number";
      line.append(cell);
    });
    return line;
  }

  async function load() {
    const trouble = byId("trouble");
    try {
      const response = await fetch("/api/data/v9.2/accounts", { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error("The accounts could not be read: " + response.status);
      const accounts = (await response.json()).value;
      byId("accounts").replaceChildren(...accounts.map(row));
      byId("count").textContent = "1–" + accounts.length + " of " + accounts.length;
      trouble.hidden = true;
    } catch (error) {
      trouble.textContent = error.message;
      trouble.hidden = false;
    }
  }

  function light(name, good, text) {
    byId(name + "-dot").className = good ? "dot good" : "dot bad";
    byId(name).textContent = text;
  }

  const socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/live");
  socket.onmessage = (event) => light("socket", true, event.data);
  socket.onclose = (event) => light("socket", false, "closed (" + event.code + (event.reason ? ", " + event.reason : "") + ")");

  const events = new EventSource("/events");
  events.addEventListener("tick", (event) => light("events", true, "tick " + event.data));
  events.onerror = () => light("events", false, events.readyState === EventSource.CLOSED ? "closed" : "reconnecting…");

  byId("refresh").addEventListener("click", load);
  byId("say").addEventListener("click", () => socket.readyState === WebSocket.OPEN && socket.send("hello"));
  load();
})();
