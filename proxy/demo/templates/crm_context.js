"use strict";
function GetGlobalContext() {
  return {
    getClientUrl: function () { return window.location.origin; },
    getOrgUniqueName: function () { return "contoso"; },
    getVersion: function () { return "9.1.0.0"; },
    organizationSettings: { organizationId: {{ organization_id|tojson }}, uniqueName: "contoso" },
    userSettings: { userName: {{ name|tojson }} },
  };
}
