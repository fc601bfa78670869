import { showProblem } from "../parts/problem.js";
export function show(root) { showProblem(root, { status: 404 }); }
