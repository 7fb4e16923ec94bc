// Five users place twenty orders between them; one failed order in a hundred is too many.
import http from 'k6/http';
import { check } from 'k6';

export const options = { vus: 5, iterations: 20, thresholds: { http_req_failed: ['rate<0.01'] } };

export default function () {
  const body = JSON.stringify({ item: 'book', quantity: 1 });
  const response = http.post(`${__ENV.BASE_URL}/orders`, body, {
    headers: { 'Content-Type': 'application/json' },
    // Above the producer's own limit of 60 s, so that the application's answer is what is seen.
    timeout: '150s',
  });
  check(response, { created: (r) => r.status === 201 });
}
