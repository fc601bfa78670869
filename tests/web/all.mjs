/* All tests of the page, one after the other, against the one system that tests/run has started. */
import { after } from "node:test";
import { close } from "./browser.mjs";
import "./submitting.mjs";
import "./states.mjs";
import "./pages.mjs";
import "./panels.mjs";
import "./ops.mjs";
import "./pictures.mjs";

after(close);
