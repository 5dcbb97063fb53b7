import Base

/// The pictures that are shown where none are named, made for this project by scripts/generate/pictures.py.
///
/// They lie in the program: drawn scenes, signs, a chart, a page of text, a plan, and two that pass for photographs, in three shapes.
package enum BuiltInPictures {
  /// All of them.
  package static func all() throws(CheckpointError) -> [ShownPicture] {
    var result: [ShownPicture] = []
    for (name, bytes) in files { result.append(try ShownPicture(bytes, name: name, path: "built-in \(name)")) }
    return result
  }

  private static var files: [(name: String, bytes: [UInt8])] {
    [
      ("house", PackageResources.house_png), ("boat", PackageResources.boat_png),
      ("fruit", PackageResources.fruit_png), ("bars", PackageResources.bars_png),
      ("page", PackageResources.page_png), ("sign", PackageResources.sign_png),
      ("clock", PackageResources.clock_png), ("cat", PackageResources.cat_png),
      ("plan", PackageResources.plan_png), ("shapes", PackageResources.shapes_png),
      ("mountains", PackageResources.mountains_png), ("flower", PackageResources.flower_png),
    ]
  }
}
