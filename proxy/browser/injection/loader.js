
;(function (source) {
  "use strict";
  if (typeof document === "undefined" || location.origin === "null") return;
  function own(name) { return Reflect.get(Document.prototype, name, document); }
  var url = location.origin + source, scripts = own("scripts");
  for (var i = 0; i < scripts.length; i++) if ([source, url].includes(scripts[i].getAttribute("src"))) return;
  var script = own("createElement").call(document, "script");
  var running = own("currentScript");
  if (running instanceof HTMLScriptElement && running.nonce) script.nonce = running.nonce;
  try {
    url = trustedTypes.createPolicy("claims-session-watch", { createScriptURL: String }).createScriptURL(url);
  } catch (refused) {}
  try {
    script.src = url;
    (own("head") || own("documentElement")).appendChild(script);
  } catch (refused) {
    console.warn("claims-proxy: this page's policy lets no session watch in", refused);
  }
})($SOURCE);
