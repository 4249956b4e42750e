import { parser } from '@prometheus-io/lezer-promql';

/**
 * The metrics and labels that an expression reads.
 *
 * @throws Error where it is no PromQL.
 */
export function namesIn(expression: string): { metrics: string[]; labels: string[] } {
  const plain = expression.replaceAll('$__rate_interval', '5m');
  const metrics: string[] = [];
  const labels: string[] = [];
  parser.parse(plain).iterate({
    enter: ({ type, from, to, node }) => {
      if (type.isError) throw new Error(`no PromQL at character ${from}: ${expression}`);
      if (type.name === 'Identifier' && node.parent?.name === 'VectorSelector') {
        metrics.push(plain.slice(from, to));
      }
      if (type.name === 'LabelName') labels.push(plain.slice(from, to));
    },
  });
  return { metrics, labels };
}
