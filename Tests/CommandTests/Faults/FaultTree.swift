import Foundation

/// All that is in a folder, hidden names too.
struct FaultTree: Equatable {
  enum Entry: Equatable {
    case file(Data)
    case folder
    case link(String)
  }

  /// What is there, by its path inside the folder.
  private(set) var entries: [String: Entry] = [:]

  init(_ folder: String) throws { try add(folder, "") }

  private mutating func add(_ folder: String, _ prefix: String) throws {
    let manager = FileManager.default
    for name in try manager.contentsOfDirectory(atPath: folder) {
      let path = folder + "/" + name
      let kind = try manager.attributesOfItem(atPath: path)[.type] as? FileAttributeType
      switch kind {
      case .typeDirectory?:
        entries[prefix + name] = .folder
        try add(path, prefix + name + "/")
      case .typeSymbolicLink?:
        let target = try manager.destinationOfSymbolicLink(atPath: path)
        // A folder that is on its way between two others is reached through a link meanwhile (docs/writing.md).
        if target.contains(".partial/"), !prefix.hasPrefix(".") {
          entries[prefix + name] = .folder
          try add(path, prefix + name + "/")
        } else {
          entries[prefix + name] = .link(target)
        }
      default: entries[prefix + name] = .file(try Data(contentsOf: URL(filePath: path), options: .alwaysMapped))
      }
    }
  }

  /// Where two trees differ, sorted.
  func differences(_ other: FaultTree) -> [String] {
    Set(entries.keys).union(other.entries.keys).filter { entries[$0] != other.entries[$0] }.sorted()
  }
}
