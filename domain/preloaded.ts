// The modules of the domain that workflows use, evaluated once for all workflows of a worker's thread: building the
// schemas took half of each workflow's time. They are frozen then, and none of them may know of a workflow.

import './addresses.ts';
import './all-done.ts';
import './announcements.ts';
import './current-details.ts';
import './defined.ts';
import './envelopes.ts';
import './errors.ts';
import './order-record.ts';
import './order-text.ts';
import './order.ts';
import './page.ts';
import './participant.ts';
import './place-order.ts';
import './policies.ts';
import './resolution.ts';
import './services.ts';
import './stock.ts';
import './strategies.ts';
import './stuck-step.ts';
import './summaries.ts';
import './sweeps.ts';
import './validation.ts';
