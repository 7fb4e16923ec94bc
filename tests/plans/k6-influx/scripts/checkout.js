import http from 'k6/http';
import { check, sleep } from 'k6';
import { BASE_URL, login } from './lib/shop.js';

export const options = {
  stages: [
    { duration: '30s', target: Number(__ENV.VUS) || 10 },
    { duration: '1m', target: 50 },
    { duration: '10s', target: 0 },
  ],
  thresholds: {
    http_req_duration: ['p(95)<500'],
  },
};

export function setup() {
  const res = http.get('http://api:3000/health');
  if (res.status !== 200) {
    throw new Error('api is not healthy');
  }
  return { token: login('load', 'test') };
}

export default function (data) {
  const headers = {
    Authorization: `Bearer ${data.token}`,
    Origin: 'http://shop.example.com',
  };
  // http.get('http://localhost:8080/old-products');
  check(http.get(`${BASE_URL}/products`, { headers }), {
    'products are listed': (r) => r.status === 200,
  });
  http.post(`${BASE_URL}/cart`, JSON.stringify({ sku: 'A-1', qty: 1 }), { headers });
  sleep(1);
}
