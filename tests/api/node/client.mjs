// FlowForge's TypeScript services as they call the API: each method is a row of the contract's table, and nothing else
// is known of the server. Plain fetch, no packages.

/** What the server refused: its status code and its body. */
export class Refused extends Error {
  constructor(status, body) {
    super(`${status} ${JSON.stringify(body)}`);
    this.status = status;
    this.body = body;
  }
}

/** One answer: its status code, headers and body. Throws Refused for anything but 2xx. */
async function call(base, method, path, body, headers = {}) {
  const options = { method, headers: { ...headers } };
  if (body !== undefined) {
    options.body = typeof body === 'string' ? body : JSON.stringify(body);
    options.headers['Content-Type'] ??= 'application/json';
  }
  const response = await fetch(`${base}${path}`, options);
  const answered = await response.json();
  if (!response.headers.get('content-type')?.startsWith('application/json')) {
    throw new Error(`${method} ${path} answered ${response.headers.get('content-type')}`);
  }
  if (!response.ok) throw new Refused(response.status, answered);
  return { status: response.status, headers: response.headers, body: answered };
}

const id = encodeURIComponent;

/** `?a=1&b=2` of what is given. */
function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return given.length ? `?${new URLSearchParams(given)}` : '';
}

/** The body of an answer whose status code is the one that the contract names. */
async function expecting(status, answer) {
  const { status: actual, body } = await answer;
  if (actual !== status) throw new Error(`answered ${actual}, not ${status}`);
  return body;
}

export class Api {
  constructor(base) {
    this.base = `${base}/api`;
  }

  /** Any request, for what no service would send. */
  raw(method, path, body, headers) {
    return call(this.base, method, path, body, headers);
  }

  ok(method, path, body, headers) {
    return expecting(200, this.raw(method, path, body, headers));
  }
}

export class TriggersService extends Api {
  path(workflowId, ...more) {
    return ['/workflows', id(workflowId), 'triggers', ...more].join('/');
  }

  async listTriggers(workflowId) {
    return (await this.ok('GET', this.path(workflowId))).triggers;
  }

  async createTrigger(workflowId, trigger, headers) {
    return (await expecting(201, this.raw('POST', this.path(workflowId), trigger, headers))).trigger;
  }

  async getTrigger(workflowId, triggerId) {
    return (await this.ok('GET', this.path(workflowId, id(triggerId)))).trigger;
  }

  async updateTrigger(workflowId, triggerId, changes) {
    return (await this.ok('PUT', this.path(workflowId, id(triggerId)), changes)).trigger;
  }

  deleteTrigger(workflowId, triggerId) {
    return this.ok('DELETE', this.path(workflowId, id(triggerId)));
  }

  async enableTrigger(workflowId, triggerId) {
    return (await this.ok('PATCH', this.path(workflowId, id(triggerId), 'enable'))).trigger;
  }

  async disableTrigger(workflowId, triggerId) {
    return (await this.ok('PATCH', this.path(workflowId, id(triggerId), 'disable'))).trigger;
  }

  previewSchedule(workflowId, { cron, timezone, count } = {}) {
    return this.ok('GET', this.path(workflowId, 'schedule', 'preview') + query({ cron, timezone, count }));
  }

  getDependencyGraph(workflowId, { transitive } = {}) {
    return this.ok('GET', this.path(workflowId, 'dependencies') + query({ transitive }));
  }

  async getAvailableUpstream(excludeWorkflowId) {
    return (await this.ok('GET', `/workflows/available-upstream${query({ excludeWorkflowId })}`)).workflows;
  }

  validateDependency(workflowId, dependsOnWorkflowId) {
    return this.ok('POST', this.path(workflowId, 'validate-dependency'), { dependsOnWorkflowId });
  }

  async getTriggerHistory(workflowId, triggerId, limit) {
    return (await this.ok('GET', this.path(workflowId, id(triggerId), 'history') + query({ limit }))).history;
  }

  syncDeployment(workflowId, triggerId) {
    return this.ok('POST', this.path(workflowId, id(triggerId), 'sync-deployment'));
  }

  getDeployment(workflowId, triggerId) {
    return this.ok('GET', this.path(workflowId, id(triggerId), 'sync-deployment'));
  }

  deleteDeployment(workflowId, triggerId) {
    return this.ok('DELETE', this.path(workflowId, id(triggerId), 'sync-deployment'));
  }
}

export class WorkflowsService extends Api {
  listWorkflows({ limit, cursor } = {}) {
    return this.ok('GET', `/workflows${query({ limit, cursor })}`);
  }

  async createWorkflow(workflow) {
    return (await expecting(201, this.raw('POST', '/workflows', workflow))).workflow;
  }

  async getWorkflow(workflowId) {
    return (await this.ok('GET', `/workflows/${id(workflowId)}`)).workflow;
  }

  deleteWorkflow(workflowId) {
    return this.ok('DELETE', `/workflows/${id(workflowId)}`);
  }

  async execute(workflowId, start = {}) {
    return (await expecting(202, this.raw('POST', `/workflows/${id(workflowId)}/execute`, start))).execution;
  }
}

export class ExecutionsService extends Api {
  listExecutions(filters = {}) {
    return this.ok('GET', `/executions${query(filters)}`);
  }

  async getExecution(executionId) {
    return (await this.ok('GET', `/executions/${id(executionId)}`)).execution;
  }

  async getVerdicts(executionId) {
    return (await this.ok('GET', `/executions/${id(executionId)}/verdicts`)).verdicts;
  }

  complete(executionId, status, workflowId) {
    return this.ok('POST', `/executions/${id(executionId)}/complete`, { status, workflowId });
  }

  async cancel(executionId) {
    return (await this.ok('POST', `/executions/${id(executionId)}/cancel`)).execution;
  }
}
