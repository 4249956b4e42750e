/** One line for each activity, for people who read a history. */
const summaries: Readonly<Record<string, string>> = {
  'orders.prepare': 'Vote: put the order on record as pending',
  'orders.decide': 'Put the decision on record, unless there is one',
  'orders.announce': 'Tell the inventory once more, because no answer has come',
  'orders.handle': 'Handle what the inventory has announced, in one batch',
  'orders.confirmPublished': 'Take out of the outboxes what every receiver has',
  'orders.findAnnouncements': 'Read in the outboxes what the mailbox had no room for',
  'orders.publishLeftBehind': 'Publish what was left behind in the outboxes of orders',
  'orders.inspect': 'Look at what the order service has on record',
  'orders.findCoordinator': "Ask Temporal what became of the order's own workflow",
  'orders.findOrder': 'Read the record of one order',
  'orders.listOrders': 'Read the newest orders',
  'orders.tellStuckOrders': 'Look for orders with stuck steps, and tell them',
  'inventory.prepare': 'Vote: hold the units of every line',
  'inventory.commit': 'Sell what is on hold',
  'inventory.rollback': 'Release what is on hold',
  'inventory.handle': 'Handle what the order service has announced, in one batch',
  'inventory.confirmPublished': 'Take out of the outboxes what every receiver has',
  'inventory.findAnnouncements': 'Read in the outboxes what the mailbox had no room for',
  'inventory.publishLeftBehind': 'Publish what was left behind in the outboxes of reservations',
  'inventory.inspect': 'Look at what the inventory holds',
  'inventory.findOrphans': 'Look for holds that nobody will settle',
  'inventory.receive': 'Add the delivery to the stock, once',
  'inventory.readStock': 'Read stock levels',
};

/** Returns the summary of an activity; one that is not in the table is its own summary. */
export const summaryOf = (activity: string): string => summaries[activity] ?? activity;
