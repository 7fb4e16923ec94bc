import http from 'k6/http';

// docker: set BASE_URL, laptop: leave it
export const BASE_URL = __ENV.BASE_URL || 'http://localhost:3000';
const AUTH_URL = __ENV.AUTH_URL || 'http://localhost:4000';

export function login(user, password) {
  const res = http.post(`${AUTH_URL}/token`, { user, password });
  return res.json('access_token');
}
