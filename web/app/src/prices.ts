/** Compares the basket with the catalog: prices, stock, and whether a product is still sold. */

import { change, type Line, lines, remove } from "./basket";
import { failureOf } from "./failures";
import { products } from "./rpc";

export type Finding =
  | { kind: "price"; line: Line; now: string; currency: string }
  | { kind: "stock"; line: Line; left: number }
  | { kind: "gone"; line: Line };

/** What differs. The basket takes over the new prices, and loses what is not sold any more. @throws ConnectError */
export async function checkPrices(): Promise<Finding[]> {
  const found = await Promise.all(lines.peek().map(check));
  const findings = found.flat();
  for (const finding of findings) apply(finding);
  return findings;
}

async function check(line: Line): Promise<Finding[]> {
  const product = await products.getProduct({ id: line.productId }).catch((error: unknown) => {
    if (["NOT_FOUND", "PRODUCT_UNKNOWN"].includes(failureOf(error).reason)) return undefined;
    throw error;
  });
  if (!product) return [{ kind: "gone", line }];
  const findings: Finding[] = [];
  if (product.price !== line.price || product.currency !== line.currency) {
    findings.push({ kind: "price", line, now: product.price, currency: product.currency });
  }
  if (product.available < line.quantity) findings.push({ kind: "stock", line, left: product.available });
  return findings;
}

function apply(finding: Finding): void {
  const { productId } = finding.line;
  if (finding.kind === "price") change(productId, { price: finding.now, currency: finding.currency });
  if (finding.kind === "gone") remove(productId);
}
