import { connect } from "../../src/store/surreal-open.ts";
import { takeStore } from "../../src/store/surreal-store.ts";
import { describeStore } from "./conformance.ts";

// memory cannot survive a process, so an owner that is gone is one that is not asked any more
describeStore({
  name: "mem://",
  queries: true,
  async open() {
    const connection = await connect("mem://");
    const store = await takeStore(connection);
    const again = () => takeStore(connection);
    return { store, reopen: again, takeOver: again, dispose: () => store.close() };
  },
});
