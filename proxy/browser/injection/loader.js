
;(function (source) {
  "use strict";
  if (typeof document === "undefined") return;
  var scripts = document.scripts;
  for (var i = 0; i < scripts.length; i++) if (scripts[i].getAttribute("src") === source) return;
  var script = document.createElement("script");
  var own = document.currentScript;
  if (own && own.nonce) script.nonce = own.nonce;
  var url = source;
  if (window.trustedTypes && trustedTypes.createPolicy) {
    try {
      url = trustedTypes.createPolicy("claims-session-watch", { createScriptURL: String }).createScriptURL(source);
    } catch (refused) {}
  }
  try {
    script.src = url;
    (document.head || document.documentElement).appendChild(script);
  } catch (refused) {
    console.warn("claims-proxy: this page's policy lets no session watch in", refused);
  }
})($SOURCE);
