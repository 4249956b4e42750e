/** What to call the settings of a way that is encrypted. */
export interface TlsWords {
  /** Which names the CA that is trusted. */
  readonly authority: string;
  /** Which names our own certificate. */
  readonly certificate: string;
  /** What to do where the server's certificate is for another name. */
  readonly otherName: string;
}

/** What to do about a TLS error, by the code that Node (and so OpenSSL) gives it; nothing where it is another error. */
export function tlsTrouble(code: string, words: TlsWords): string | undefined {
  if (UNTRUSTED.has(code)) {
    return `its certificate is of no authority that is trusted here: name its CA in ${words.authority}`;
  }
  if (code === 'CERT_HAS_EXPIRED') return 'its certificate has expired: renew it there';
  if (code === 'CERT_NOT_YET_VALID') return "its certificate is not valid yet: check both machines' clocks";
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `its certificate is for another name: ${words.otherName}`;
  if (NOT_TLS.has(code)) return 'it does not speak TLS: check the address, or switch TLS off';
  if (/ALERT_CERTIFICATE_EXPIRED$/.test(code))
    return `our own certificate has expired: renew ${words.certificate}`;
  if (/ALERT_(CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE)$/.test(code)) {
    return `it wants a client certificate: name one in ${words.certificate}`;
  }
  if (
    /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|CERTIFICATE_REVOKED|ACCESS_DENIED)$/.test(code)
  ) {
    return `it does not accept our own certificate: check ${words.certificate}`;
  }
  return undefined;
}

const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
]);
const NOT_TLS = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'EPROTO']);
