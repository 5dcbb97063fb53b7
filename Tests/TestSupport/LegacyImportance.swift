import Base
import Containers

extension ImportanceMatrix {
  /// Writes the legacy form; the last dataset is kept, for which alone it has room.
  ///
  /// Errors: `exists`, `noSpace`, `inputOutput`.
  package func writeLegacy(to path: String, overwrite: Bool = false) throws(CheckpointError) {
    let writer = try AtomicWriter(path: path, overwrite: overwrite)
    do throws(CheckpointError) {
      try writer.write(bytes(of: entries.count))
      for entry in entries {
        let name = Array(entry.name.utf8)
        try writer.write(bytes(of: name.count) + name)
        // The values are means, times a count of chunks; rounded up so that it is never zero.
        let size = chunkSize.map { max(1, Float($0)) } ?? 1
        let calls = ((entry.counts.max() ?? 1) / size).rounded(.up)
        // Counts come from a file, and this one is written as a number of 32 bits.
        let factor = min(max(1, calls), 0x1p30)
        try writer.write(bytes(of: Int(factor)) + bytes(of: entry.sums.count))
        var values: [UInt8] = []
        values.reserveCapacity(entry.sums.count * 4)
        for weight in entry.weights {
          withUnsafeBytes(of: (weight * factor).bitPattern.littleEndian) { values += $0 }
        }
        try writer.write(values)
      }
      let dataset = Array((datasets.last ?? "").utf8)
      try writer.write(bytes(of: Int(chunkCount ?? 0)) + bytes(of: dataset.count) + dataset)
      try writer.finish()
    } catch {
      writer.abandon()
      throw error
    }
  }

  private func bytes(of number: Int) -> [UInt8] {
    withUnsafeBytes(of: Int32(clamping: number).littleEndian) { Array($0) }
  }
}
