const { DefaultFailureConverter } = require('@temporalio/common');

// Puts an error's message and stack into a payload, which is then encrypted like any other. CommonJS, because Temporal's
// SDK loads it with `require`, and bundles it with the workflows.
exports.failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
