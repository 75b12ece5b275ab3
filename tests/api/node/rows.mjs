// Every row of the contract's table of REST calls, told to a real server: `node rows.mjs URL` prints a line of JSON a row.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ExecutionsService, Refused, TriggersService, WorkflowsService } from './client.mjs';

const url = process.argv[2];
const triggers = new TriggersService(url);
const workflows = new WorkflowsService(url);
const executions = new ExecutionsService(url);

const TRIGGER = [
  'id', 'workflowId', 'triggerType', 'enabled', 'triggerName', 'cronExpression', 'timezone', 'nextRunAt', 'lastRunAt',
  'dependsOnWorkflowId', 'dependsOnWorkflowName', 'dependencyCondition', 'delayMinutes', 'eventType', 'eventConfig',
  'createdAt', 'updatedAt',
];
const ISO_8601 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

// What rows say of what they saw

function keys(document, names) {
  assert.deepEqual(Object.keys(document).sort(), [...names].sort());
}

function unixSeconds(value) {
  assert.ok(Number.isInteger(value) && value > 1_500_000_000 && value < 10_000_000_000, `${value} is no Unix time`);
}

/** The body of a refusal with this status code, which is one sentence and exactly these keys. */
async function refused(status, work, { more = [], words } = {}) {
  const error = await work.then((body) => assert.fail(`accepted: ${JSON.stringify(body)}`), (reason) => reason);
  if (!(error instanceof Refused)) throw error;
  assert.equal(error.status, status, error.message);
  keys(error.body, ['error', ...more]);
  assert.equal(typeof error.body.error, 'string');
  assert.ok(error.body.error.length > 0 && !error.body.error.includes('\n'), error.body.error);
  if (words) assert.match(error.body.error, words);
  return error.body;
}

const name = (prefix = 'w') => `${prefix}-${randomUUID().slice(0, 8)}`;

/** New workflows, whose ids and names begin with these words. */
async function made(...prefixes) {
  const ids = prefixes.map(name);
  for (const workflowId of ids) await workflows.createWorkflow({ id: workflowId, name: `Name of ${workflowId}` });
  return ids;
}

/** `workflowId` depends on `upstream`. */
function depend(workflowId, upstream, more = {}) {
  return triggers.createTrigger(workflowId, {
    triggerType: 'dependency', dependsOnWorkflowId: upstream, dependencyCondition: 'on_success', ...more,
  });
}

/** A chain of new workflows in data-flow order: each depends on the one before it. */
async function chained(...prefixes) {
  const ids = await made(...prefixes);
  for (let place = 1; place < ids.length; place += 1) await depend(ids[place], ids[place - 1]);
  return ids;
}

function schedule(workflowId, more = {}) {
  return triggers.createTrigger(workflowId, { triggerType: 'scheduled', cronExpression: '0 2 * * *', ...more });
}

/** All items of a paged list, the pages' sizes, and what `between` did after each page. */
async function allPages(ask, field, limit, between = async () => {}) {
  const found = [];
  const sizes = [];
  let cursor;
  do {
    const page = await ask({ limit, cursor });
    keys(page, [field, 'nextCursor']);
    found.push(...page[field]);
    sizes.push(page[field].length);
    await between(page);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return { found, sizes };
}

const rows = {};

// GET /workflows/{w}/triggers

rows['list triggers: whole, newest first, each with exactly its keys'] = async () => {
  const [workflowId, upstream] = await made('w', 'up');
  const ids = [];
  ids.push((await triggers.createTrigger(workflowId, { triggerType: 'manual' })).id);
  ids.push((await schedule(workflowId)).id);
  ids.push((await depend(workflowId, upstream)).id);
  ids.push((await triggers.createTrigger(workflowId, { triggerType: 'event', eventType: 'file.arrived' })).id);
  const listed = await triggers.listTriggers(workflowId);
  assert.deepEqual(listed.map((trigger) => trigger.id), ids.reverse());
  for (const trigger of listed) keys(trigger, TRIGGER);
  keys(await triggers.ok('GET', triggers.path(workflowId)), ['triggers']);
};

rows['list triggers: never paged'] = async () => {
  const [workflowId] = await made('w');
  for (let number = 0; number < 60; number += 1) {
    await triggers.createTrigger(workflowId, { triggerType: 'event', eventType: `type-${number}` });
  }
  assert.equal((await triggers.listTriggers(workflowId)).length, 60);
};

rows['list triggers: none'] = async () => {
  const [workflowId] = await made('w');
  assert.deepEqual(await triggers.listTriggers(workflowId), []);
};

rows['list triggers: unknown workflow is 404'] = async () => {
  await refused(404, triggers.listTriggers(name()), { words: /workflow/ });
};

// POST /workflows/{w}/triggers

rows['create trigger: scheduled'] = async () => {
  const [workflowId] = await made('w');
  const trigger = await schedule(workflowId, { triggerName: 'Nightly', timezone: 'America/New_York', enabled: true });
  keys(trigger, TRIGGER);
  assert.equal(trigger.workflowId, workflowId);
  assert.equal(trigger.triggerType, 'scheduled');
  assert.equal(trigger.triggerName, 'Nightly');
  assert.equal(trigger.cronExpression, '0 2 * * *');
  assert.equal(trigger.timezone, 'America/New_York');
  assert.equal(trigger.enabled, true);
  assert.equal(trigger.lastRunAt, null);
  for (const field of ['nextRunAt', 'createdAt', 'updatedAt']) unixSeconds(trigger[field]);
  assert.ok(trigger.nextRunAt > trigger.createdAt);
  for (const field of ['dependsOnWorkflowId', 'dependsOnWorkflowName', 'dependencyCondition', 'eventType', 'eventConfig']) {
    assert.equal(trigger[field], null, field);
  }
};

rows['create trigger: what is left out has its default'] = async () => {
  const [workflowId, upstream] = await made('w', 'up');
  const scheduled = await schedule(workflowId);
  assert.deepEqual([scheduled.timezone, scheduled.enabled, scheduled.triggerName], ['UTC', true, null]);
  assert.equal((await depend(workflowId, upstream)).delayMinutes, 0);
};

rows['create trigger: dependency, with the name of its upstream'] = async () => {
  const [workflowId, upstream] = await made('w', 'up');
  const trigger = await depend(workflowId, upstream, { dependencyCondition: 'on_failure', delayMinutes: 60 });
  keys(trigger, TRIGGER);
  assert.equal(trigger.dependsOnWorkflowId, upstream);
  assert.equal(trigger.dependsOnWorkflowName, `Name of ${upstream}`);
  assert.deepEqual([trigger.dependencyCondition, trigger.delayMinutes], ['on_failure', 60]);
  assert.deepEqual([trigger.cronExpression, trigger.timezone, trigger.nextRunAt], [null, null, null]);
};

rows['create trigger: event'] = async () => {
  const [workflowId] = await made('w');
  const eventConfig = { bucket: 'landing', filter: { suffix: '.csv' } };
  const trigger = await triggers.createTrigger(workflowId, { triggerType: 'event', eventType: 'file.arrived', eventConfig });
  assert.deepEqual([trigger.eventType, trigger.eventConfig], ['file.arrived', eventConfig]);
};

rows['create trigger: a cycle is 400 with the shortest chain'] = async () => {
  const [a, b, c, d] = await chained('a', 'b', 'c', 'd');
  assert.deepEqual((await refused(400, depend(a, d), { more: ['chain'] })).chain, [a, b, c, d, a]);
  await depend(d, a);
  assert.deepEqual((await refused(400, depend(a, d), { more: ['chain'] })).chain, [a, d, a]);
  assert.deepEqual((await refused(400, depend(a, a), { more: ['chain'] })).chain, [a, a]);
  assert.deepEqual(await triggers.listTriggers(a), []);
};

rows['create trigger: a disabled dependency closes a cycle too'] = async () => {
  const [a, b] = await made('a', 'b');
  await depend(b, a, { enabled: false });
  assert.deepEqual((await refused(400, depend(a, b, { enabled: false }), { more: ['chain'] })).chain, [a, b, a]);
};

rows['create trigger: unknown upstream and unknown workflow are 404'] = async () => {
  const [workflowId] = await made('w');
  await refused(404, depend(workflowId, name()), { words: /workflow/ });
  await refused(404, depend(name(), workflowId), { words: /workflow/ });
};

rows['create trigger: 404 comes before 400'] = async () => {
  await refused(404, triggers.createTrigger(name(), { triggerType: 'no such kind' }));
  await refused(404, triggers.createTrigger(name(), '{not JSON'));
};

rows['create trigger: an invalid cron or zone is 400'] = async () => {
  const [workflowId] = await made('w');
  for (const cronExpression of ['', 'x', '60 * * * *', '* * * * * *', '0 0 30 2 *', '@midnight', '0 9 * * FRI-MON']) {
    await refused(400, schedule(workflowId, { cronExpression }));
  }
  for (const timezone of ['Mars/Base', 'localtime', '../etc/passwd', '']) {
    await refused(400, schedule(workflowId, { timezone }));
  }
};

rows['create trigger: an invalid body is 400 and stores nothing'] = async () => {
  const [workflowId, upstream] = await made('w', 'up');
  const dependency = { triggerType: 'dependency', dependsOnWorkflowId: upstream, dependencyCondition: 'on_success' };
  const bodies = [
    '', '{', '[]', '"x"', 'null', {}, { triggerType: 'cron' }, { triggerType: 'manual', cronExpression: '0 2 * * *' },
    { triggerType: 'scheduled' }, { ...dependency, delayMinutes: 61 }, { ...dependency, delayMinutes: -1 },
    { ...dependency, delayMinutes: 1.5 }, { ...dependency, delayMinutes: '5' }, { ...dependency, enabled: 'yes' },
    { ...dependency, dependencyCondition: 'always' }, { ...dependency, unknown: 1 },
    { triggerType: 'dependency', dependencyCondition: 'on_success' }, { triggerType: 'event' },
    { triggerType: 'event', eventType: 5 }, { triggerType: 'event', eventType: 'x', eventConfig: [] },
  ];
  for (const body of bodies) await refused(400, triggers.createTrigger(workflowId, body));
  assert.deepEqual(await triggers.listTriggers(workflowId), []);
};

rows['create trigger: an exact duplicate is 409'] = async () => {
  const [workflowId, upstream] = await made('w', 'up');
  await depend(workflowId, upstream);
  await refused(409, depend(workflowId, upstream, { triggerName: 'another name', delayMinutes: 5 }));
  await depend(workflowId, upstream, { dependencyCondition: 'on_failure' });
  await schedule(workflowId);
  await refused(409, schedule(workflowId));
  await schedule(workflowId, { timezone: 'Europe/Berlin' });
};

// GET, PUT, DELETE, PATCH /workflows/{w}/triggers/{t}

rows['get trigger'] = async () => {
  const [workflowId] = await made('w');
  const created = await schedule(workflowId);
  assert.deepEqual(await triggers.getTrigger(workflowId, created.id), created);
};

rows['one trigger: unknown, or of another workflow, is 404 for each method'] = async () => {
  const [workflowId, other] = await made('w', 'other');
  const { id } = await schedule(other);
  for (const [workflow, trigger] of [[workflowId, name('t')], [workflowId, id], [name(), id]]) {
    await refused(404, triggers.getTrigger(workflow, trigger));
    await refused(404, triggers.updateTrigger(workflow, trigger, { enabled: false }));
    await refused(404, triggers.updateTrigger(workflow, trigger, { enabled: 'no' }));
    await refused(404, triggers.updateTrigger(workflow, trigger, '{'));
    await refused(404, triggers.deleteTrigger(workflow, trigger));
    await refused(404, triggers.enableTrigger(workflow, trigger));
    await refused(404, triggers.disableTrigger(workflow, trigger));
    await refused(404, triggers.getTriggerHistory(workflow, trigger));
    await refused(404, triggers.getTriggerHistory(workflow, trigger, 'many'));
    await refused(404, triggers.syncDeployment(workflow, trigger));
    await refused(404, triggers.getDeployment(workflow, trigger));
    await refused(404, triggers.deleteDeployment(workflow, trigger));
  }
  assert.equal((await triggers.getTrigger(other, id)).enabled, true);
};

rows['update trigger: only the given fields change'] = async () => {
  const [workflowId, upstream] = await made('w', 'up');
  const before = await depend(workflowId, upstream, { triggerName: 'first', delayMinutes: 5 });
  const after = await triggers.updateTrigger(workflowId, before.id, { delayMinutes: 7 });
  assert.deepEqual({ ...after, updatedAt: 0 }, { ...before, delayMinutes: 7, updatedAt: 0 });
  assert.deepEqual(await triggers.getTrigger(workflowId, before.id), after);
  assert.deepEqual(await triggers.updateTrigger(workflowId, before.id, {}), after);
};

rows['update trigger: null clears an optional field and no other'] = async () => {
  const [workflowId, upstream] = await made('w', 'up');
  const { id } = await depend(workflowId, upstream, { triggerName: 'first', delayMinutes: 5 });
  assert.equal((await triggers.updateTrigger(workflowId, id, { triggerName: null })).triggerName, null);
  await refused(400, triggers.updateTrigger(workflowId, id, { dependsOnWorkflowId: null }), { words: /dependsOnWorkflowId/ });
  await refused(400, triggers.updateTrigger(workflowId, id, { enabled: null }), { words: /enabled/ });
};

rows['update trigger: another kind is 400'] = async () => {
  const [workflowId, upstream] = await made('w', 'up');
  const { id } = await depend(workflowId, upstream);
  await refused(400, triggers.updateTrigger(workflowId, id, { triggerType: 'manual' }), { words: /triggerType/ });
  await refused(400, triggers.updateTrigger(workflowId, id, { cronExpression: '0 2 * * *' }), { words: /cronExpression/ });
  await refused(400, triggers.updateTrigger(workflowId, id, { eventType: null }), { words: /eventType/ });
  assert.equal((await triggers.updateTrigger(workflowId, id, { triggerType: 'dependency', enabled: false })).enabled, false);
};

rows['update trigger: a cycle is 400 with its chain, checked as if it were gone'] = async () => {
  const [a, b, c] = await chained('a', 'b', 'c');
  const [other] = await made('other');
  const [trigger] = await triggers.listTriggers(b);
  const answer = await refused(400, triggers.updateTrigger(b, trigger.id, { dependsOnWorkflowId: c }), { more: ['chain'] });
  assert.deepEqual(answer.chain, [b, c, b]);
  assert.equal((await triggers.getTrigger(b, trigger.id)).dependsOnWorkflowId, a);
  assert.equal((await triggers.updateTrigger(b, trigger.id, { dependsOnWorkflowId: other })).dependsOnWorkflowId, other);
  await depend(a, c);
};

rows['update trigger: unknown upstream is 404, a duplicate is 409, an invalid cron is 400'] = async () => {
  const [workflowId, one, two] = await made('w', 'one', 'two');
  await depend(workflowId, one);
  const second = await depend(workflowId, two);
  await refused(404, triggers.updateTrigger(workflowId, second.id, { dependsOnWorkflowId: name() }));
  await refused(409, triggers.updateTrigger(workflowId, second.id, { dependsOnWorkflowId: one }));
  const { id } = await schedule(workflowId);
  await refused(400, triggers.updateTrigger(workflowId, id, { cronExpression: '61 * * * *' }));
  await refused(400, triggers.updateTrigger(workflowId, id, { unknown: 1 }));
};

rows['update trigger: another schedule has another next run'] = async () => {
  const [workflowId] = await made('w');
  const before = await schedule(workflowId);
  const after = await triggers.updateTrigger(workflowId, before.id, { cronExpression: '30 2 * * *' });
  assert.equal(after.nextRunAt % 86_400, 2 * 3_600 + 30 * 60);
  assert.equal(before.nextRunAt % 86_400, 2 * 3_600);
};

rows['delete trigger: gone, and again 404'] = async () => {
  const [workflowId] = await made('w');
  const { id } = await schedule(workflowId);
  assert.deepEqual(await triggers.deleteTrigger(workflowId, id), { success: true });
  await refused(404, triggers.deleteTrigger(workflowId, id));
  await refused(404, triggers.getTrigger(workflowId, id));
  assert.deepEqual(await triggers.listTriggers(workflowId), []);
};

rows['enable and disable: answer the trigger, as often as they are called'] = async () => {
  const [workflowId] = await made('w');
  const created = await schedule(workflowId);
  for (const again of [1, 2]) {
    const disabled = await triggers.disableTrigger(workflowId, created.id);
    keys(disabled, TRIGGER);
    assert.deepEqual([disabled.enabled, disabled.nextRunAt], [false, null], `call ${again}`);
  }
  for (const again of [1, 2]) {
    const enabled = await triggers.enableTrigger(workflowId, created.id);
    assert.equal(enabled.enabled, true, `call ${again}`);
    unixSeconds(enabled.nextRunAt);
  }
};

rows['one trigger: an id of any printable characters finds its way'] = async () => {
  const [workflowId] = await made('wörk flow ?&#%+;,=:@ 日本');
  const trigger = await schedule(workflowId);
  assert.equal(trigger.workflowId, workflowId);
  assert.equal((await triggers.getTrigger(workflowId, trigger.id)).id, trigger.id);
  assert.equal((await workflows.getWorkflow(workflowId)).id, workflowId);
};

// GET .../triggers/schedule/preview

rows['preview schedule: exactly its keys, increasing Unix seconds, words'] = async () => {
  const [workflowId] = await made('w');
  const preview = await triggers.previewSchedule(workflowId, { cron: '0 2 * * *', timezone: 'America/New_York', count: 3 });
  keys(preview, ['nextRuns', 'cronExpression', 'timezone', 'description']);
  assert.equal(preview.nextRuns.length, 3);
  preview.nextRuns.forEach(unixSeconds);
  assert.deepEqual(preview.nextRuns, [...new Set(preview.nextRuns)].sort((one, other) => one - other));
  assert.ok(preview.nextRuns[0] > Date.now() / 1000);
  const hour = new Intl.DateTimeFormat('en-US', { timeZone: 'America/New_York', hour: 'numeric', hourCycle: 'h23' });
  for (const instant of preview.nextRuns) assert.equal(hour.format(new Date(instant * 1000)), '02');
  assert.deepEqual([preview.cronExpression, preview.timezone], ['0 2 * * *', 'America/New_York']);
  assert.equal(preview.description, 'Daily at 2:00 AM');
};

rows['preview schedule: five in UTC by default, at most twenty'] = async () => {
  const [workflowId] = await made('w');
  const preview = await triggers.previewSchedule(workflowId, { cron: '*/15 * * * *' });
  assert.deepEqual([preview.nextRuns.length, preview.timezone, preview.description], [5, 'UTC', 'Every 15 minutes']);
  assert.equal((await triggers.previewSchedule(workflowId, { cron: '@daily', count: 20 })).nextRuns.length, 20);
  assert.equal((await triggers.previewSchedule(workflowId, { cron: '@daily', count: 21 })).nextRuns.length, 20);
  assert.equal((await triggers.previewSchedule(workflowId, { cron: '@daily', count: 1 })).nextRuns.length, 1);
};

rows['preview schedule: invalid is 400, unknown workflow is 404 first'] = async () => {
  const [workflowId] = await made('w');
  const bad = [{}, { cron: 'x' }, { cron: '@daily', timezone: 'No/Where' }, { cron: '@daily', count: 0 },
    { cron: '@daily', count: -1 }, { cron: '@daily', count: 'many' }, { cron: '@daily', count: 1.5 }];
  for (const parameters of bad) {
    await refused(400, triggers.previewSchedule(workflowId, parameters));
    await refused(404, triggers.previewSchedule(name(), parameters));
  }
};

// GET .../triggers/dependencies, available-upstream, validate-dependency

rows['dependency graph: direct, enabled, a row a trigger'] = async () => {
  const [a, b, c, d] = await chained('a', 'b', 'c', 'd');
  const second = await depend(b, a, { dependencyCondition: 'on_failure' });
  const disabled = await depend(b, a, { dependencyCondition: 'on_completion', enabled: false });
  const graph = await triggers.getDependencyGraph(b);
  keys(graph, ['upstream', 'downstream']);
  for (const row of [...graph.upstream, ...graph.downstream]) {
    keys(row, ['triggerId', 'workflowId', 'workflowName', 'condition']);
    assert.equal(row.workflowName, `Name of ${row.workflowId}`);
  }
  assert.deepEqual(graph.upstream.map((row) => [row.workflowId, row.condition]).sort(), [[a, 'on_failure'], [a, 'on_success']]);
  assert.deepEqual(graph.downstream.map((row) => row.workflowId), [c]);
  const shown = graph.upstream.map((row) => row.triggerId);
  assert.ok(shown.includes(second.id) && !shown.includes(disabled.id));
  assert.ok(d);
};

rows['dependency graph: transitive, enabled triggers all the way, in topological order'] = async () => {
  const [a, b, c, d] = await chained('a', 'b', 'c', 'd');
  const graph = await triggers.getDependencyGraph(c, { transitive: true });
  assert.deepEqual(graph.upstream.map((row) => row.workflowId), [a, b]);
  assert.deepEqual(graph.downstream.map((row) => row.workflowId), [d]);
  const [trigger] = await triggers.listTriggers(b);
  await triggers.disableTrigger(b, trigger.id);
  assert.deepEqual((await triggers.getDependencyGraph(c, { transitive: true })).upstream.map((row) => row.workflowId), [b]);
  assert.deepEqual((await triggers.getDependencyGraph(a, { transitive: true })), { upstream: [], downstream: [] });
};

rows['dependency graph: unknown workflow is 404, an invalid flag is 400'] = async () => {
  const [workflowId] = await made('w');
  assert.deepEqual(await triggers.getDependencyGraph(workflowId), { upstream: [], downstream: [] });
  await refused(404, triggers.getDependencyGraph(name()));
  await refused(400, triggers.getDependencyGraph(workflowId, { transitive: 'perhaps' }));
};

rows['available upstream: by name, without itself and what would close a cycle'] = async () => {
  const [a, b, c] = await chained('a', 'b', 'c');
  const [free] = await made('free');
  const available = await triggers.getAvailableUpstream(b);
  for (const row of available) keys(row, ['id', 'name', 'description']);
  const ids = available.map((row) => row.id);
  assert.deepEqual([a, b, c, free].map((workflowId) => ids.includes(workflowId)), [true, false, false, true]);
  const names = available.map((row) => row.name);
  assert.deepEqual(names, [...names].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other))));
  await refused(404, triggers.getAvailableUpstream(name()));
};

rows['validate dependency: valid with a message'] = async () => {
  const [a, b] = await made('a', 'b');
  const answer = await triggers.validateDependency(b, a);
  keys(answer, ['valid', 'message']);
  assert.deepEqual([answer.valid, typeof answer.message], [true, 'string']);
};

rows['validate dependency: a cycle is 200 with error and chain'] = async () => {
  const [a, b, c] = await chained('a', 'b', 'c');
  const answer = await triggers.validateDependency(a, c);
  keys(answer, ['valid', 'error', 'chain']);
  assert.deepEqual([answer.valid, typeof answer.error], [false, 'string']);
  assert.deepEqual(answer.chain, [a, b, c, a]);
  assert.deepEqual((await triggers.validateDependency(a, a)).chain, [a, a]);
  assert.deepEqual(await triggers.listTriggers(a), []);
};

rows['validate dependency: unknown is 404, before an invalid body which is 400'] = async () => {
  const [workflowId] = await made('w');
  await refused(404, triggers.validateDependency(workflowId, name()));
  await refused(404, triggers.validateDependency(name(), workflowId));
  for (const body of ['', '{', {}, { dependsOnWorkflowId: 5 }, { dependsOnWorkflowId: null }, { upstream: 'x' }]) {
    await refused(400, triggers.raw('POST', triggers.path(workflowId, 'validate-dependency'), body));
    await refused(404, triggers.raw('POST', triggers.path(name(), 'validate-dependency'), body));
  }
};

// GET .../triggers/{t}/history

rows['trigger history: exactly its keys, ISO 8601, newest first, clamped limits'] = async () => {
  const [upstream, workflowId] = await chained('up', 'w');
  const [trigger] = await triggers.listTriggers(workflowId);
  assert.deepEqual(await triggers.getTriggerHistory(workflowId, trigger.id), []);
  const started = [];
  for (let number = 0; number < 52; number += 1) {
    started.push((await executions.complete(name('e'), 'completed', upstream)).triggered[0].executionId);
  }
  await executions.complete(started[51], 'completed', workflowId);
  const history = await triggers.getTriggerHistory(workflowId, trigger.id);
  assert.deepEqual(history.map((row) => row.executionId), started.slice(-10).reverse());
  for (const row of history) {
    keys(row, ['executionId', 'status', 'triggeredAt', 'duration']);
    assert.match(row.triggeredAt, ISO_8601);
    assert.ok(Math.abs(new Date(row.triggeredAt).getTime() - Date.now()) < 3_600_000);
  }
  const instants = history.map((row) => new Date(row.triggeredAt).getTime());
  assert.deepEqual(instants, [...instants].sort((one, other) => other - one));
  assert.deepEqual([history[0].status, history[1].status, history[1].duration], ['completed', 'pending', null]);
  assert.ok(history[0].duration === null || Number.isInteger(history[0].duration));
  assert.equal((await triggers.getTriggerHistory(workflowId, trigger.id, 3)).length, 3);
  assert.equal((await triggers.getTriggerHistory(workflowId, trigger.id, 1_000)).length, 50);
};

rows['trigger history: an invalid limit is 400'] = async () => {
  const [workflowId] = await made('w');
  const { id } = await schedule(workflowId);
  for (const limit of [0, -1, 'ten', 1.5]) await refused(400, triggers.getTriggerHistory(workflowId, id, limit));
};

// .../triggers/{t}/sync-deployment

rows['sync deployment: made, found, deleted, each time the same'] = async () => {
  const [workflowId] = await made('w');
  const { id } = await schedule(workflowId, { timezone: 'Europe/Berlin' });
  await refused(404, triggers.getDeployment(workflowId, id));
  const first = await triggers.syncDeployment(workflowId, id);
  keys(first, ['success', 'deployment', 'message']);
  assert.deepEqual([first.success, typeof first.message, first.deployment.triggerId], [true, 'string', id]);
  assert.deepEqual((await triggers.syncDeployment(workflowId, id)).deployment, first.deployment);
  const found = await triggers.getDeployment(workflowId, id);
  keys(found, ['success', 'deployment', 'message']);
  assert.deepEqual(found.deployment, first.deployment);
  for (const again of [1, 2]) {
    const deleted = await triggers.deleteDeployment(workflowId, id);
    keys(deleted, ['success', 'deployment', 'message']);
    assert.deepEqual([deleted.success, deleted.deployment], [true, null], `call ${again}`);
  }
  await refused(404, triggers.getDeployment(workflowId, id));
};

rows['sync deployment: follows enable and disable'] = async () => {
  const [workflowId] = await made('w');
  const { id } = await schedule(workflowId);
  await triggers.syncDeployment(workflowId, id);
  await triggers.disableTrigger(workflowId, id);
  assert.equal((await triggers.getDeployment(workflowId, id)).deployment.paused, true);
  await triggers.enableTrigger(workflowId, id);
  assert.equal((await triggers.getDeployment(workflowId, id)).deployment.paused, false);
};

rows['sync deployment: a trigger without a schedule is 400'] = async () => {
  const [workflowId] = await made('w');
  const { id } = await triggers.createTrigger(workflowId, { triggerType: 'manual' });
  await refused(400, triggers.syncDeployment(workflowId, id));
  await refused(400, triggers.getDeployment(workflowId, id));
  await refused(400, triggers.deleteDeployment(workflowId, id));
};

rows['sync deployment: a fault of Prefect is 500 with details, and never fails enable or disable'] = async () => {
  const [workflowId] = await made('w');
  const { id } = await schedule(workflowId, { triggerName: 'prefect is away' });
  const answer = await refused(500, triggers.syncDeployment(workflowId, id), { more: ['details'] });
  assert.equal(typeof answer.details, 'string');
  await refused(503, triggers.getDeployment(workflowId, id), { more: ['details'] });
  await refused(503, triggers.deleteDeployment(workflowId, id), { more: ['details'] });
  assert.equal((await triggers.disableTrigger(workflowId, id)).enabled, false);
  assert.equal((await triggers.enableTrigger(workflowId, id)).enabled, true);
};

// POST /executions/{e}/complete

rows['complete: what it triggered and skipped, with exactly their keys'] = async () => {
  const [upstream, down, other] = await made('up', 'down', 'other');
  const accepting = await depend(down, upstream, { delayMinutes: 5 });
  const refusing = await depend(other, upstream, { dependencyCondition: 'on_failure' });
  const disabled = await depend(other, upstream, { enabled: false });
  const executionId = name('e');
  const answer = await executions.complete(executionId, 'completed', upstream);
  keys(answer, ['message', 'triggeredCount', 'skippedCount', 'triggered', 'skipped']);
  assert.deepEqual([typeof answer.message, answer.triggeredCount, answer.skippedCount], ['string', 1, 2]);
  const [triggered] = answer.triggered;
  keys(triggered, ['triggerId', 'workflowId', 'workflowName', 'executionId', 'condition', 'delayMinutes', 'runAfter']);
  assert.deepEqual(
    [triggered.triggerId, triggered.workflowId, triggered.workflowName, triggered.condition, triggered.delayMinutes],
    [accepting.id, down, `Name of ${down}`, 'on_success', 5],
  );
  unixSeconds(triggered.runAfter);
  for (const row of answer.skipped) keys(row, ['triggerId', 'workflowId', 'workflowName', 'reason']);
  assert.deepEqual(
    answer.skipped.map((row) => [row.triggerId, row.reason]),
    [[refusing.id, 'condition_not_met'], [disabled.id, 'trigger_disabled']],
  );
  const started = await executions.getExecution(triggered.executionId);
  assert.deepEqual(
    [started.status, started.triggerType, started.triggerId, started.upstreamExecutionId, started.rootExecutionId],
    ['pending', 'dependency', accepting.id, executionId, executionId],
  );
  assert.equal(started.runAfter, triggered.runAfter);
};

rows['complete: each outcome meets its conditions'] = async () => {
  for (const [status, accepted] of [
    ['completed', ['on_success', 'on_completion']], ['failed', ['on_failure', 'on_completion']], ['cancelled', []],
  ]) {
    const [upstream, down] = await made('up', 'down');
    for (const dependencyCondition of ['on_success', 'on_failure', 'on_completion']) {
      await depend(down, upstream, { dependencyCondition });
    }
    const answer = await executions.complete(name('e'), status, upstream);
    assert.deepEqual(answer.triggered.map((row) => row.condition), accepted, status);
    const reason = status === 'cancelled' ? 'upstream_cancelled' : 'condition_not_met';
    assert.deepEqual(new Set(answer.skipped.map((row) => row.reason)), new Set([reason]), status);
  }
};

rows['complete: again it answers the same body and starts nothing'] = async () => {
  const [upstream, down] = await chained('up', 'down');
  const executionId = name('e');
  const first = await executions.complete(executionId, 'completed', upstream);
  const again = await Promise.all(Array.from({ length: 8 }, () => executions.complete(executionId, 'completed', upstream)));
  for (const answer of again) assert.deepEqual(answer, first);
  assert.equal((await executions.listExecutions({ workflowId: down })).executions.length, 1);
};

rows['complete: another status is 409 and changes nothing'] = async () => {
  const [upstream] = await made('up');
  const executionId = name('e');
  await executions.complete(executionId, 'completed', upstream);
  for (const status of ['failed', 'cancelled']) await refused(409, executions.complete(executionId, status, upstream));
  assert.equal((await executions.getExecution(executionId)).status, 'completed');
};

rows['complete: an unknown workflow is 404, another one than the execution\'s is 400'] = async () => {
  const [workflowId, other] = await made('w', 'other');
  await refused(404, executions.complete(name('e'), 'completed', name()));
  const { id } = await workflows.execute(workflowId);
  await refused(400, executions.complete(id, 'completed', other));
  assert.equal((await executions.getExecution(id)).status, 'pending');
};

rows['complete: an invalid body is 400, both fields are required'] = async () => {
  const [workflowId] = await made('w');
  const executionId = name('e');
  const bodies = ['', '{', '[]', {}, { status: 'completed' }, { workflowId }, { status: 'running', workflowId },
    { status: 'done', workflowId }, { status: 'completed', workflowId: null }, { status: 'completed', workflowId, more: 1 }];
  for (const body of bodies) await refused(400, executions.raw('POST', `/executions/${executionId}/complete`, body));
  await refused(404, executions.getExecution(executionId));
};

// POST /workflows/{w}/execute

rows['execute: 202, a manual start'] = async () => {
  const [workflowId] = await made('w');
  const parameters = { date: '2026-01-20', nested: { list: [1, 2.5, null, true, 'ü'] } };
  const execution = await workflows.execute(workflowId, { parameters });
  assert.deepEqual([execution.workflowId, execution.status, execution.triggerType], [workflowId, 'pending', 'manual']);
  assert.deepEqual([execution.triggerId, execution.triggerName, execution.upstreamExecutionId], [null, null, null]);
  assert.equal(execution.rootExecutionId, execution.id);
  assert.deepEqual(execution.parameters, parameters);
  unixSeconds(execution.runAfter);
};

rows['execute: without any body'] = async () => {
  const [workflowId] = await made('w');
  const { status, body } = await workflows.raw('POST', `/workflows/${workflowId}/execute`);
  assert.equal(status, 202);
  keys(body, ['execution']);
};

rows['execute: the same id answers the same execution, for another workflow 409'] = async () => {
  const [workflowId, other] = await made('w', 'other');
  const executionId = name('e');
  const first = await workflows.execute(workflowId, { executionId, parameters: { a: 1 } });
  const again = await Promise.all(Array.from({ length: 8 }, () => workflows.execute(workflowId, { executionId })));
  for (const execution of again) assert.deepEqual(execution, first);
  await refused(409, workflows.execute(other, { executionId }));
  assert.equal((await executions.listExecutions({ workflowId })).executions.length, 1);
};

rows['execute: by a trigger, and caused by another execution'] = async () => {
  const [workflowId] = await made('w');
  const trigger = await triggers.createTrigger(workflowId, { triggerType: 'manual', triggerName: 'By hand', enabled: false });
  const cause = await workflows.execute(workflowId);
  const execution = await workflows.execute(workflowId, { triggerId: trigger.id, causedByExecutionId: cause.id });
  assert.deepEqual([execution.triggerId, execution.triggerName], [trigger.id, 'By hand']);
  assert.equal(execution.rootExecutionId, cause.id);
};

rows['execute: unknown workflow, trigger or cause is 404, an invalid body is 400'] = async () => {
  const [workflowId] = await made('w');
  await refused(404, workflows.execute(name()));
  await refused(404, workflows.execute(name(), { parameters: 5 }));
  await refused(404, workflows.execute(workflowId, { triggerId: name('t') }));
  await refused(404, workflows.execute(workflowId, { causedByExecutionId: name('e') }));
  for (const body of ['{', '[]', { parameters: [] }, { executionId: '' }, { executionId: 'a/b' }, { more: 1 }]) {
    await refused(400, workflows.execute(workflowId, body));
  }
};

// /workflows

rows['create workflow: 201, found, and 409 for an id that is taken'] = async () => {
  const workflowId = name();
  const created = await workflows.createWorkflow({ id: workflowId, name: 'Wörk', description: 'what it does' });
  assert.deepEqual([created.id, created.name, created.description], [workflowId, 'Wörk', 'what it does']);
  assert.deepEqual([created.nextRunAt, created.triggerCount], [null, 0]);
  assert.deepEqual(await workflows.getWorkflow(workflowId), created);
  await refused(409, workflows.createWorkflow({ id: workflowId }));
};

rows['create workflow: an id is made where it is left out'] = async () => {
  const { id } = await workflows.createWorkflow({ name: 'Without an id' });
  assert.equal((await workflows.getWorkflow(id)).name, 'Without an id');
};

rows['create workflow: a run names a Prefect deployment or nothing, never a program'] = async () => {
  const workflowId = name();
  const programs = [{ command: ['sh', '-c', 'id'] }, { python: 'os:system' }, { prefect: 'a/b', command: ['id'] }, 'id',
    { prefect: 5 }, { shell: 'id' }];
  for (const run of programs) await refused(400, workflows.createWorkflow({ id: workflowId, run }));
  await refused(404, workflows.getWorkflow(workflowId));
  const created = await workflows.createWorkflow({ id: workflowId, run: { prefect: 'flow/deployment' } });
  assert.deepEqual(created.run, { prefect: 'flow/deployment' });
};

rows['create workflow: an invalid body is 400'] = async () => {
  const bodies = ['', '{', '[]', { id: '' }, { id: 'a/b' }, { id: 'a\\b' }, { id: '..' }, { id: ' a' }, { id: 'a\u0000' },
    { id: 5 }, { id: 'available-upstream' }, { id: 'x'.repeat(201) }, { name: 5 }, { tags: 'x' }, { more: 1 }];
  for (const body of bodies) await refused(400, workflows.createWorkflow(body));
};

rows['list workflows: next run and number of triggers'] = async () => {
  const [workflowId] = await made('w');
  await schedule(workflowId, { cronExpression: '0 2 1 1 *' });
  const sooner = await schedule(workflowId);
  await triggers.createTrigger(workflowId, { triggerType: 'manual' });
  const { found } = await allPages((page) => workflows.listWorkflows(page), 'workflows', 500);
  const row = found.find((workflow) => workflow.id === workflowId);
  assert.ok(row.nextRunAt <= sooner.nextRunAt);
  unixSeconds(row.nextRunAt);
  assert.equal(row.triggerCount, 3);
  assert.deepEqual(await workflows.getWorkflow(workflowId), row);
};

rows['list workflows: pages under concurrent inserts miss nothing and repeat nothing'] = async () => {
  const before = await made('p', 'p', 'p', 'p', 'p', 'p', 'p');
  const between = async () => { await made('p', 'p'); };
  let turns = 0;
  const { found, sizes } = await allPages((page) => workflows.listWorkflows(page), 'workflows', 20,
    async () => { turns += 1; if (turns < 4) await between(); });
  const ids = found.map((workflow) => workflow.id);
  assert.equal(new Set(ids).size, ids.length);
  for (const workflowId of before) assert.ok(ids.includes(workflowId));
  assert.ok(sizes.length > 1 && sizes.slice(0, -1).every((size) => size === 20), `${sizes}`);
};

rows['delete workflow: with its triggers, its pending executions are cancelled, again 404'] = async () => {
  const [a, b, c] = await chained('a', 'b', 'c');
  const pending = await workflows.execute(b);
  const into = (await triggers.listTriggers(b))[0].id;
  const out = (await triggers.listTriggers(c))[0].id;
  const answer = await workflows.deleteWorkflow(b);
  assert.equal(answer.success, true);
  assert.deepEqual([...answer.deletedTriggerIds].sort(), [into, out].sort());
  await refused(404, workflows.deleteWorkflow(b));
  await refused(404, workflows.getWorkflow(b));
  assert.deepEqual(await triggers.listTriggers(c), []);
  const ended = await executions.getExecution(pending.id);
  assert.deepEqual([ended.status, ended.reason, ended.workflowName], ['cancelled', 'workflow_deleted', `Name of ${b}`]);
  assert.ok((await workflows.getWorkflow(a)).id);
};

// /executions

rows['list executions: newest first, by each filter'] = async () => {
  const [upstream, down] = await chained('up', 'down');
  const manual = await workflows.execute(down);
  const [{ executionId }] = (await executions.complete(name('e'), 'completed', upstream)).triggered;
  const page = await executions.listExecutions({ workflowId: down });
  keys(page, ['executions', 'nextCursor']);
  assert.deepEqual(page.executions.map((execution) => execution.id), [executionId, manual.id]);
  for (const execution of page.executions) {
    for (const field of ['triggerType', 'triggerId', 'triggerName', 'upstreamExecutionId', 'rootExecutionId', 'runAfter']) {
      assert.ok(field in execution, field);
    }
  }
  const of = async (filters) => (await executions.listExecutions({ workflowId: down, ...filters })).executions.map((e) => e.id);
  assert.deepEqual(await of({ triggerType: 'manual' }), [manual.id]);
  assert.deepEqual(await of({ triggerType: 'dependency' }), [executionId]);
  assert.deepEqual(await of({ status: 'pending' }), [executionId, manual.id]);
  assert.deepEqual(await of({ status: 'failed' }), []);
  assert.deepEqual(await of({ status: 'pending', triggerType: 'manual' }), [manual.id]);
};

rows['list executions: pages under concurrent inserts are the list as it was'] = async () => {
  const [workflowId] = await made('w');
  const started = [];
  for (let number = 0; number < 23; number += 1) started.push((await workflows.execute(workflowId)).id);
  const { found, sizes } = await allPages((page) => executions.listExecutions({ workflowId, ...page }), 'executions', 5,
    async () => { await workflows.execute(workflowId); });
  assert.deepEqual(found.map((execution) => execution.id), started.reverse());
  assert.deepEqual(sizes, [5, 5, 5, 5, 3]);
};

rows['list executions: a limit is clamped, an invalid limit, cursor or filter is 400'] = async () => {
  const [workflowId] = await made('w');
  await workflows.execute(workflowId);
  assert.equal((await executions.listExecutions({ workflowId, limit: 1_000_000 })).executions.length, 1);
  const bad = [{ limit: 0 }, { limit: -5 }, { limit: 'x' }, { cursor: 'x' }, { cursor: '' }, { cursor: '!!' }, { status: 'done' },
    { triggerType: 'cron' }];
  for (const filters of bad) await refused(400, executions.listExecutions(filters));
  const { nextCursor } = await workflows.listWorkflows({ limit: 1 });
  await refused(400, executions.listExecutions({ cursor: nextCursor }));
  await refused(400, workflows.listWorkflows({ limit: 0 }));
  await refused(400, workflows.listWorkflows({ cursor: 'x' }));
};

rows['get execution: unknown is 404, its verdicts too'] = async () => {
  await refused(404, executions.getExecution(name('e')), { words: /execution/ });
  await refused(404, executions.getVerdicts(name('e')), { words: /execution/ });
  await refused(404, executions.cancel(name('e')), { words: /execution/ });
};

rows['verdicts: one a trigger, in creation order, none before the end'] = async () => {
  const [upstream, down, other] = await made('up', 'down', 'other');
  const accepting = await depend(down, upstream);
  const refusing = await depend(other, upstream, { dependencyCondition: 'on_failure' });
  const { id } = await workflows.execute(upstream);
  assert.deepEqual(await executions.getVerdicts(id), []);
  const { triggered } = await executions.complete(id, 'completed', upstream);
  const verdicts = await executions.getVerdicts(id);
  assert.deepEqual(
    verdicts.map((verdict) => [verdict.triggerId, verdict.outcome, verdict.reason, verdict.executionId]),
    [[accepting.id, 'triggered', null, triggered[0].executionId], [refusing.id, 'skipped', 'condition_not_met', null]],
  );
};

rows['cancel: pending ends at once, twice the same, what ended is 409'] = async () => {
  const [workflowId] = await made('w');
  const { id } = await workflows.execute(workflowId);
  const first = await executions.cancel(id);
  assert.deepEqual([first.id, first.status], [id, 'cancelled']);
  assert.deepEqual(await executions.cancel(id), first);
  const ended = await workflows.execute(workflowId);
  await executions.complete(ended.id, 'completed', workflowId);
  await refused(409, executions.cancel(ended.id));
  await refused(409, executions.complete(id, 'completed', workflowId));
};

// What is no row

rows['anything else is 404 or 405, in the same shape'] = async () => {
  await refused(404, triggers.raw('GET', '/nothing'));
  await refused(405, triggers.raw('DELETE', '/executions'));
  await refused(405, triggers.raw('PATCH', '/workflows'));
};

// Each row says its end on a line of its own; the list of rows is known to both sides

const known = JSON.parse(readFileSync(new URL('rows.json', import.meta.url)));
assert.deepEqual(Object.keys(rows), known);
for (const row of known) {
  const error = await rows[row]().then(() => null, (reason) => reason.stack ?? String(reason));
  console.log(JSON.stringify({ row, error }));
}
