// Runs in mongosh, once: at the first start, while the database is empty and reachable from inside its container only.

for (const service of ['orders', 'inventory']) {
  const variable = `${service.toUpperCase()}_MONGODB_PASSWORD`;
  const password = process.env[variable];
  if (!password) throw new Error(`${variable} is missing`);
  // The user belongs to the service's own database, and may do nothing outside it.
  db.getSiblingDB(service).createUser({
    user: service,
    pwd: password,
    roles: [{ role: 'readWrite', db: service }],
  });
}
