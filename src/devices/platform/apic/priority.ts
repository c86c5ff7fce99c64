// SPDX-License-Identifier: BSD-2-Clause
// Which interrupt a local APIC offers its processor: pending (IRR), in service (ISR), trigger mode (TMR),
// task and processor priority. Intel SDM 3A 11.8.3 to 11.8.5, for fixed interrupts.
import { VectorSet } from "./vector-set.ts";

export class InterruptPriority {
  readonly irr = new VectorSet();
  readonly isr = new VectorSet();
  readonly tmr = new VectorSet();
  /** TPR, eight bits. Set it with {@link setTaskPriority}. */
  taskPriority = 0;
  /** PPR, kept current. */
  processorPriority = 0;
  /** The vector whose class exceeds the processor's, -1 if there is none. Kept current. */
  deliverable = -1;

  setTaskPriority(value: number): void {
    this.taskPriority = value;
    this.updateProcessorPriority();
  }

  /** Makes a vector, 16 … 255, pending. Asking again before it is delivered changes nothing. */
  request(vector: number, isLevel: boolean): void {
    this.irr.add(vector);
    if (isLevel) this.tmr.add(vector);
    else this.tmr.delete(vector);
    this.updateDeliverable();
  }

  /** Takes the deliverable vector into service and returns it; -1, and no change, if there is none. */
  acknowledge(): number {
    const vector = this.deliverable;
    if (vector < 0) return -1;
    this.irr.delete(vector);
    this.isr.add(vector);
    this.updateProcessorPriority();
    return vector;
  }

  /** Ends the highest vector in service and returns it, -1 if none was. */
  endOfInterrupt(): number {
    const vector = this.isr.highest();
    if (vector < 0) return -1;
    this.isr.delete(vector);
    this.updateProcessorPriority();
    return vector;
  }

  clear(): void {
    this.irr.clear();
    this.isr.clear();
    this.tmr.clear();
    this.setTaskPriority(0);
  }

  private updateProcessorPriority(): void {
    const serviced = this.isr.highest();
    const servicedClass = serviced < 0 ? 0 : serviced & 0xf0;
    this.processorPriority =
      (this.taskPriority & 0xf0) >= servicedClass ? this.taskPriority : servicedClass;
    this.updateDeliverable();
  }

  private updateDeliverable(): void {
    const pending = this.irr.highest();
    this.deliverable = pending >>> 4 > this.processorPriority >>> 4 && pending >= 0 ? pending : -1;
  }
}
