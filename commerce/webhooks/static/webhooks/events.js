// On the page of a new webhook: hide the events that the chosen app has no permission for.
document.addEventListener("DOMContentLoaded", () => {
  const choice = document.getElementById("id_app");
  const known = document.getElementById("app-permissions");
  if (!choice || !known) return;
  const permissions = JSON.parse(known.textContent);
  const groups = [...document.querySelectorAll("#id_events > div")].map((group) => {
    const title = group.querySelector(":scope > label")?.textContent ?? "";
    return { group, needed: title.match(/[A-Z]+(_[A-Z]+)+/g) ?? [] };
  });
  const show = () => {
    const held = permissions[choice.value];
    for (const { group, needed } of groups) {
      const lacks = held !== undefined && needed.length > 0 && !needed.some((code) => held.includes(code));
      group.hidden = lacks;
      for (const box of group.querySelectorAll("input")) {
        box.disabled = lacks;
        if (lacks) box.checked = false;
      }
    }
  };
  choice.addEventListener("change", show);
  show();
});
