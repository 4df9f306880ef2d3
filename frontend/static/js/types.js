/**
 * Shapes of the server's JSON, for editors and type checkers. Nothing here runs.
 *
 * @typedef {object} JobError
 * @property {string} code
 * @property {string} message
 * @property {string} [action]
 * @property {object} [details]
 *
 * @typedef {object} JobFile
 * @property {string} filename
 * @property {number} size bytes
 * @property {string} sha256
 * @property {'vcf'|'pedigree'|'map'|'frequencies'} kind
 *
 * @typedef {object} Job
 * @property {string} id
 * @property {string} name
 * @property {'queued'|'validating'|'running'|'complete'|'failed'|'cancelled'|'expired'} state
 * @property {string} stage
 * @property {number} progress 0 to 1
 * @property {number|null} eta_s seconds left
 * @property {number|null} queue_position
 * @property {'impute'|'qc'} mode
 * @property {string} engine
 * @property {string} bundle
 * @property {string} build
 * @property {string} format
 * @property {number} r2_min
 * @property {boolean} strict
 * @property {Record<string, any>} [options] those that were given
 * @property {JobFile[]} [files]
 * @property {number|null} samples
 * @property {number|null} sites
 * @property {Record<string, any>|null} qc
 * @property {JobError|null} error
 * @property {string} created_at ISO 8601
 * @property {string|null} started_at
 * @property {string|null} finished_at
 * @property {string|null} expires_at
 * @property {Record<string, string|null>} links
 *
 * @typedef {object} ResultFile
 * @property {string} name
 * @property {number} size bytes
 * @property {string} sha256
 * @property {string|null} chromosome
 * @property {string} media_type
 * @property {string|null} expires_at
 * @property {string} href
 *
 * @typedef {object} FieldProblem
 * @property {string} field
 * @property {string} message
 * @property {string} [action]
 *
 * @typedef {object} Problem problem+json of RFC 9457
 * @property {number} status
 * @property {string} title
 * @property {string} detail
 * @property {string} [code]
 * @property {string} [action]
 * @property {string|null} [field]
 * @property {any[]} [errors]
 */
export {};
