// Runs in mongosh. Healthy means: writes are accepted. Makes the server a replica set where it isn't one yet.

const user = encodeURIComponent(process.env.MONGO_INITDB_ROOT_USERNAME);
const password = encodeURIComponent(process.env.MONGO_INITDB_ROOT_PASSWORD);
// Read from the environment, since every process can see the arguments of the others.
const admin = connect(`mongodb://${user}:${password}@127.0.0.1:27017/admin?directConnection=true`);

try {
  admin.adminCommand({ replSetGetStatus: 1 });
} catch (error) {
  if (error.codeName !== 'NotYetInitialized') throw error;
  // The name under which the workers reach it: drivers connect to the members that the replica set names.
  admin.adminCommand({ replSetInitiate: { _id: 'concord', members: [{ _id: 0, host: 'mongodb:27017' }] } });
}
quit(admin.hello().isWritablePrimary ? 0 : 1);
