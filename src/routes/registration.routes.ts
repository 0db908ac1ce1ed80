import type { RegistrationActions } from '../controllers/registration.controller.js';
import type { RouteTable } from '../platform/http/http-door.js';

export function registrationRoutes(registration: RegistrationActions): RouteTable {
  return [
    { method: 'post', path: '/auth/register', action: registration.register, status: 201 },
    { method: 'post', path: '/auth/verify-otp', action: registration.verify, status: 201 },
    { method: 'post', path: '/auth/resend-otp', action: registration.resend },
  ];
}
