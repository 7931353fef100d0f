// The largest prime below a number, handed on as an output.
import { appendFileSync } from "node:fs";

const below = Number(process.argv[2]);
const isPrime = (n) => {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
  return n > 1;
};

let prime = below - 1;
while (!isPrime(prime)) prime--;
console.log(`the largest prime below ${below} is ${prime}`);
appendFileSync(process.env.ORCHESTRATOR_OUTPUT, `prime=${prime}\n`);
