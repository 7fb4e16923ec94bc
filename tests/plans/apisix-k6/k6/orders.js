import http from "k6/http";
import { check } from "k6";

const base = __ENV.BASE_URL ?? "http://127.0.0.1:9080";

export const options = { vus: 5, duration: "30s", tags: { target: "orders:4000" } };

export default () => {
  const res = http.get(`${base}/orders`);
  check(res, { "is 200": (r) => r.status === 200 });
};
