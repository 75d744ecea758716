"use strict";
/* Bokeh styles its parts through style elements. The content security policy allows those that carry the nonce of this
 * page, so each style element that a script makes is given it. Loaded before Bokeh. */
(() => {
  const nonce = document.currentScript.dataset.styleNonce;
  const make = Document.prototype.createElement;
  Document.prototype.createElement = function (name, options) {
    const element = make.call(this, name, options);
    if (String(name).toLowerCase() === "style") element.setAttribute("nonce", nonce);
    return element;
  };
})();
