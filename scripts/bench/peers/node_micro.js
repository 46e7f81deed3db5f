// node_micro.js SECTION: the measurements that node can do.
// Prints `metric value` lines. Times are the process's processor time, helper
// threads (collector, compiler) included; each pass but the first few is warm.
const median = (list) => list.sort((a, b) => a - b)[(list.length - 1) >> 1];
const now = () => process.cpuUsage().user + process.cpuUsage().system; // microseconds
const PASSES = 9;

async function passes(metric, unit, one) {
  const values = [];
  for (let i = 0; i < PASSES; i++) {
    const begin = now();
    await one();
    values.push((now() - begin) / unit);
  }
  console.log(metric, median(values));
}

const yielded = () => new Promise((resolve) => setImmediate(resolve));

const sections = {
  async tasks() {
    const one = async () => { await yielded(); };
    await passes('tasks_10k_ms', 1e3, () => Promise.all(Array.from({ length: 10000 }, one)));
  },
  async sleep0() {
    const n = 50000;
    await passes('sleep0_ns', n / 1e3, async () => { for (let i = 0; i < n; i++) await yielded(); });
  },
  async call_soon() {
    const n = 50000;
    await passes('call_soon_ns', n / 1e3, async () => {
      for (let i = 0; i < n; i++) setImmediate(() => {});
      await yielded();
    });
  },
  async timers() {
    const n = 200000;
    await passes('timer_fire_ns', n / 1e3, () => new Promise((resolve) => {
      let fired = 0;
      const fire = () => { if (++fired === n) resolve(); };
      for (let i = 0; i < n; i++) setTimeout(fire, (i * 7919 % 1000) / 1000);
    }));
  },
};

sections[process.argv[2]]();
