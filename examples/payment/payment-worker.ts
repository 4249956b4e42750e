import { runServices } from '../../workers/run.ts';
import { paymentService } from './service.ts';

// As every worker: settings (PAYMENT_MONGODB_URI, PAYMENT_DATABASE), encryption, health, metrics, a graceful end.
await runServices([paymentService()]);
