import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { ProductService } from "./gen/argosy/inventory/v1/product_pb";

const products = createClient(ProductService, createGrpcWebTransport({ baseUrl: location.origin }));
const { products: found } = await products.listProducts({ pageSize: 20 });
document.querySelector("#products")?.replaceChildren(
  ...found.map(({ name }) => Object.assign(document.createElement("li"), { textContent: name })),
);
